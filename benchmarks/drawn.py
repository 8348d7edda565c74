"""Pictures drawn at random, in the shapes that a photo library has. They need no file and no font."""

import io
import string
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw, ImageFont

SHAPES = [
    (4032, 3024, "JPEG"),  # a phone's camera
    (1600, 1200, "JPEG"),
    (1200, 1600, "WEBP"),
    (1080, 2400, "PNG"),  # a screenshot
    (640, 480, "JPEG"),
    (1000, 90, "PNG"),  # a strip
    (700, 5000, "PNG"),  # a long screenshot
]
"""Largest width and height in pixels, and the format of the file."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file and the lines that were drawn in it."""

    file: bytes
    lines: list[str]


def draw(choose: Random) -> Picture:
    """A picture of a shape, size, colours and lines that `choose` decides on."""
    widest, highest, kind = choose.choice(SHAPES)
    width, height = (round(side * choose.uniform(0.7, 1)) for side in (widest, highest))
    paper = choose.choice([(244, 241, 234), (16, 32, 48), (200, 210, 190)])
    ink = (20, 20, 20) if sum(paper) > 300 else (240, 240, 240)
    image = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(image)
    lines: list[str] = []
    top = 12
    while len(lines) < 8 and choose.random() < 0.75:  # some pictures have no text
        size = choose.randint(24, 40) * max(1, min(width, height) // 900)
        if top + 2 * size > height:
            break
        lines.append(_words(choose, width // size))
        pen.text((size, top), lines[-1], fill=ink, font=ImageFont.load_default(size))
        top += round(size * choose.uniform(1.8, 3))
    file = io.BytesIO()
    image.save(file, kind)
    return Picture(file.getvalue(), lines)


def _words(choose: Random, room: int) -> str:
    """Words of letters and digits that fit into a line of so many letters' height."""
    words: list[str] = []
    while len(" ".join(words)) < min(room, 30) - 10 or not words:
        words.append("".join(choose.choices(string.ascii_uppercase + string.digits, k=choose.randint(3, 8))))
    return " ".join(words)
