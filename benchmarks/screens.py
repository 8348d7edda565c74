"""Draw screenshots with their labels: fine print, and lines as long as a large screen is wide.

    python -m benchmarks.screens FOLDER
    python -m benchmarks.accuracy FOLDER READER ...

They need no file and no font, and are the same on every machine.
"""

import argparse
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

SCREENS = [(1366, 768), (1920, 1080), (2560, 1440), (3840, 2160)]
PROSE = (Path(__file__).parents[1] / "LICENSE").read_text("utf-8").split()
FONT_PX = 14
EDGE_PX = 8  # stay free
WHITE, GREY, BLACK = (255, 255, 255), (190, 190, 190), (20, 20, 20)
FORMATS = "png", "jpg"


class Text(NamedTuple):
    """A text, where it begins and the size of its font, in pixels."""

    left: int
    top: int
    text: str
    size: int = FONT_PX


def main() -> None:
    """Write the screenshots and their manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    draw(parser.parse_args().folder, SCREENS)


def draw(folder: Path, screens: list[tuple[int, int]]) -> None:
    """Write a manifest (benchmarks/photos.py) and a screenshot of each kind, screen (width, height) and format."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for name, paint in KINDS.items() for size in screens for row in _write(folder, name, paint, size)]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _write(
    folder: Path, name: str, paint: Callable[[Image.Image], Iterator[Text]], size: tuple[int, int]
) -> Iterator[dict[str, object]]:
    image = Image.new("RGB", size, WHITE)
    pen = ImageDraw.Draw(image)
    lines = []
    for left, top, text, height in paint(image):
        font = ImageFont.load_default(height)
        pen.text((left, top), text, fill=BLACK, font=font)
        _, upper, _, lower = pen.textbbox((left, top), "Ag", font=font)
        right = left + pen.textlength(text, font)
        quad = [[left, upper], [right, upper], [right, lower], [left, lower]]
        lines.append({"quad": quad, "text": text})
    for suffix in FORMATS:
        file = f"{name}-{size[0]}.{suffix}"
        image.save(folder / file, quality=90)
        yield {"image": file, "set": f"{name} {suffix}", "lines": lines}


def prose(image: Image.Image, start: int = EDGE_PX) -> Iterator[Text]:
    """A page without columns: its lines are as long as the screen is wide."""
    letters = int((image.width - 2 * EDGE_PX) / ImageFont.load_default(FONT_PX).getlength("n"))
    tops = range(start, image.height - 2 * FONT_PX, round(1.6 * FONT_PX))
    for top, line in zip(tops, textwrap.wrap(" ".join(5 * PROSE), letters), strict=False):
        yield Text(EDGE_PX, top, line)


def poster(image: Image.Image) -> Iterator[Text]:
    """The same page under a headline, the only text that the coarse pass sees."""
    height = image.height // 8
    yield Text(EDGE_PX, 0, "GRAND OPENING", height)
    yield from prose(image, 2 * height)


def sheet(image: Image.Image) -> Iterator[Text]:
    """A spreadsheet full of numbers between thin lines."""
    pen, choose = ImageDraw.Draw(image), Random(0)  # noqa: S311 - the same numbers every time
    width, height = 6 * FONT_PX, round(1.6 * FONT_PX)
    for top in range(0, image.height, height):
        pen.line((0, top, image.width, top), fill=GREY)
    for left in range(0, image.width, width):
        pen.line((left, 0, left, image.height), fill=GREY)
    for top in range(0, image.height - height, height):
        for left in range(0, image.width - width, width):
            yield Text(left + FONT_PX, top + FONT_PX // 5, f"{choose.uniform(1, 9999):.2f}")


def notice(image: Image.Image) -> Iterator[Text]:
    """One small line in a corner of a wallpaper."""
    image.paste(Image.linear_gradient("L").resize(image.size).point(lambda grey: 128 + grey // 2))
    yield Text(image.width - 24 * FONT_PX, image.height - 4 * FONT_PX, "Build 22631.3007, evaluation copy")


KINDS = {"prose": prose, "poster": poster, "sheet": sheet, "notice": notice}

if __name__ == "__main__":
    main()
