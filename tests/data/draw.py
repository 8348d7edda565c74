"""Draws the pictures beside it, and pictures.json with what stands in each: `python tests/data/draw.py`.

Run once, by whoever changes them; needs Debian's fonts-noto-cjk and fonts-dejavu-core. The tests need no font.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
CJK = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
FACES = {"zh": (CJK, 2), "ja": (CJK, 0), "latin": ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 0)}


@dataclass(frozen=True)
class Text:
    """A line: its words, the top left corner and the height in pixels, and the face."""

    words: str
    x: int
    y: int
    height: int
    face: str = "latin"


def draw(size: tuple[int, int], texts: list[Text], ink: str = "#222", paper: str = "#f4f1ea") -> Image.Image:
    """A picture of `size` (width, height) with the lines on it."""
    image = Image.new("RGBA" if len(paper) == 9 else "RGB", size, paper)
    pen = ImageDraw.Draw(image)
    for text in texts:
        path, index = FACES[text.face]
        pen.text((text.x, text.y), text.words, fill=ink, font=ImageFont.truetype(path, text.height, index=index))
    return image


RECEIPT = [
    Text("CORNER BOOKSHOP", 60, 30, 40),
    Text("12 Mill Lane, Weston", 60, 100, 26),
    Text("Notebook A5", 60, 170, 28),
    Text("4.50", 480, 170, 28),
    Text("Fountain pen", 60, 220, 28),
    Text("18.90", 480, 220, 28),
    Text("TOTAL", 60, 290, 34),
    Text("23.40", 470, 290, 34),
    Text("2024-03-17 14:05", 60, 360, 24),
]
CHINESE = [
    Text("北京欢迎您", 50, 40, 56, "zh"),
    Text("请勿在此处停车", 50, 140, 40, "zh"),
    Text("電話號碼 8612-3456", 50, 220, 36, "zh"),
    Text("营业时间：上午九点至下午六点", 50, 300, 32, "zh"),  # noqa: RUF001 - Chinese has its own colon
]
JAPANESE = [
    Text("ようこそ東京へ", 50, 40, 52, "ja"),
    Text("コーヒーとケーキのセット", 50, 140, 36, "ja"),
    Text("営業中 お気軽にどうぞ", 50, 220, 36, "ja"),
]
ACCENTS = [
    Text("Crème brûlée à volonté", 40, 40, 36),
    Text("Größe 42, müde Füße", 40, 120, 36),
    Text("¿Dónde está el niño?", 40, 200, 36),
]


def noise(size: tuple[int, int]) -> Image.Image:
    """Soft coloured clouds: a photo without text."""
    small = np.random.default_rng(7).integers(60, 200, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def main() -> None:
    """Write the pictures and their texts."""
    texts: dict[str, list[str]] = {}

    def save(name: str, image: Image.Image, lines: list[Text], **options: Any) -> None:
        image.save(HERE / name, **options)
        texts[name] = [line.words for line in lines]

    save("receipt.png", draw((640, 420), RECEIPT), RECEIPT)
    save("chinese.png", draw((760, 380), CHINESE), CHINESE)
    save("japanese.png", draw((720, 300), JAPANESE), JAPANESE)
    save("accents.png", draw((560, 280), ACCENTS), ACCENTS)
    save("dark.png", draw((640, 420), RECEIPT, ink="#f8f8f8", paper="#102030"), RECEIPT)
    save("transparent.png", draw((640, 420), RECEIPT, ink="#000000", paper="#00000000"), RECEIPT)
    tilted = draw((760, 380), CHINESE).rotate(8, Image.Resampling.BICUBIC, expand=True, fillcolor="#f4f1ea")
    save("tilted.png", tilted, CHINESE)
    save("headlong.png", draw((640, 420), RECEIPT).rotate(180), RECEIPT)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = draw((640, 420), RECEIPT).transpose(Image.Transpose.ROTATE_90)
    save("orientation6.jpg", turned, RECEIPT, quality=90, exif=exif)
    large = noise((4032, 3024))
    large.paste(draw((1920, 1260), [Text(t.words, t.x * 3, t.y * 3, t.height * 3) for t in RECEIPT]), (900, 700))
    save("large.jpg", large, RECEIPT, quality=80)
    save("clouds.jpg", noise((1600, 1200)), [], quality=85)
    word = [Text("Exit", 100, 0, 20)]
    save("strip.png", draw((300, 24), word), word)
    (HERE / "pictures.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
