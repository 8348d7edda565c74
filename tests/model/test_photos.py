"""Photos as people take them: long, broad, small, tilted, in columns. Read by the real networks."""

from collections.abc import Callable
from functools import cache
from random import Random

import pytest
from PIL import Image, ImageDraw, ImageFont

from benchmarks.scoring import normalize
from ocr.types import Limits, Reading
from runners.base import Options, Runner
from runners.registry import RUNNERS, make
from tests.fakes.child import Child
from tests.fakes.pictures import encoded
from tests.fakes.project import DATA

LINES = ["CORNER BOOKSHOP", "Notebook A5 4.50", "Fountain pen 18.90", "TOTAL 23.40"]
INK, PAPER = (30, 30, 30), (245, 242, 235)


@cache
def runner() -> Runner:
    loaded = make(RUNNERS["openvino"].class_path, Options("ppocrv6", threads=2, limits=Limits(2000, 200_000_000, 0.5)))
    loaded.load()
    return loaded


def read_file(photo: bytes) -> Reading:
    return runner().read(photo)


Read = Callable[..., Reading]
"""Reads a picture, encoded as PNG or as the `kind` that is named."""


@pytest.fixture
def read(child: Child) -> Read:
    def read(image: Image.Image, kind: str = "PNG") -> Reading:
        return child(read_file, encoded(image, kind))

    return read


def texts(reading: Reading) -> list[str]:
    return [line.text for line in reading.lines]


def written(size: tuple[int, int], lines: list[tuple[int, int, int, str]]) -> Image.Image:
    """A picture with lines: left, top, height of the letters in pixels, and text."""
    image = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(image)
    for left, top, height, text in lines:
        pen.text((left, top), text, fill=INK, font=ImageFont.load_default(height))
    return image


def words(choose: Random, count: int) -> str:
    return " ".join("".join(choose.choices("ABCDEFGHKLMNPRSTUVWXYZ23456789", k=5)) for _ in range(count))


@pytest.mark.parametrize(("size", "apart"), [((1080, 7000), 150), ((790, 36861), 300)])
def test_a_long_screenshot_keeps_every_line_once(size: tuple[int, int], apart: int, read: Read) -> None:
    choose = Random(7)
    drawn = [(30, top, 32, words(choose, 3)) for top in range(20, size[1] - 60, apart)]
    found = read(written(size, drawn))
    assert texts(found) == [text for *_, text in drawn]
    for (_, top, height, _), line in zip(drawn, found.lines, strict=True):
        _, box_top, _, box_height = line.box
        assert abs(box_top + box_height / 2 - (top + height / 2 + 4)) < height / 2


def test_a_panorama_keeps_every_line(read: Read) -> None:
    choose = Random(8)
    places = [(100 + column * 2000, 200 + row * 900) for row in range(3) for column in range(10)]
    drawn = [(left, top, choose.choice([60, 90, 120]), words(choose, 2)) for left, top in places]
    found = sorted(map(normalize, texts(read(written((20000, 3000), drawn), "JPEG"))))
    assert found == sorted(normalize(text) for *_, text in drawn)


@pytest.mark.parametrize(("size", "height", "kind"), [((3840, 2160), 16, "PNG"), ((3000, 4000), 18, "JPEG")])
def test_fine_print_all_over_a_large_picture_is_read(size: tuple[int, int], height: int, kind: str, read: Read) -> None:
    drawn = [(60, top, height, words(Random(top), 8)) for top in range(60, size[1] - 60, 3 * height)]
    found = {normalize(text) for text in texts(read(written(size, drawn), kind))}
    assert len(found & {normalize(text) for *_, text in drawn}) > len(drawn) / 2


def test_a_card_that_lies_far_away_is_read(read: Read) -> None:
    drawn = [(1700, 1200 + 24 * row, 20, words(Random(row), 4)) for row in range(24)]
    found = {normalize(text) for text in texts(read(written((4000, 3000), drawn), "JPEG"))}
    assert len(found & {normalize(text) for *_, text in drawn}) > 20


def test_a_line_of_sixty_words_keeps_them(read: Read) -> None:
    text = words(Random(3), 60)
    assert texts(read(written((5600, 300), [(40, 120, 24, text)]))) == [text]


def test_a_photo_of_108_megapixels_is_read(read: Read) -> None:
    drawn = [(1000, 900 + 1500 * row, 160, words(Random(row), 3)) for row in range(5)]
    found = read(written((12000, 9000), drawn), "JPEG")
    assert texts(found) == [text for *_, text in drawn]
    assert all(800 < line.box[0] < 1200 for line in found.lines)  # in pixels of the full photo


@pytest.mark.parametrize(
    ("size", "height", "text"),
    [((1, 1), 8, ""), ((3, 400), 8, ""), ((400, 3), 8, ""), ((300, 24), 18, "Exit"), ((60, 60), 40, "7")],
)
def test_small_pictures(size: tuple[int, int], height: int, text: str, read: Read) -> None:
    assert texts(read(written(size, [(8, 1, height, text)]))) == ([text] if text else [])


@pytest.mark.parametrize("angle", [0, 15, 30, 45, 75, 90, 105, 135, 165, 180, 200, 230, 270, 300, 345])
def test_lines_at_any_angle(angle: int, read: Read) -> None:
    upright = written((1000, 760), [(280, 160 + 120 * row, 44, text) for row, text in enumerate(LINES)])
    turned = upright.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
    found = read(turned, "JPEG")
    assert sorted(texts(found)) == sorted(LINES)
    for line in found.lines:
        left, top, width, height = line.box
        assert min(width, height) > 20
        assert min(left, top) >= 0
        assert left + width <= turned.width
        assert top + height <= turned.height


def test_columns_of_chinese_are_read_from_the_right(read: Read) -> None:
    page = Image.new("RGB", (700, 620), (244, 241, 234))
    with Image.open(DATA / "chinese.png") as drawn:
        for row in range(7):
            page.paste(drawn.crop((50 + 40 * row, 140, 90 + 40 * row, 196)), (500, 60 + 56 * row))
        for row in range(5):
            page.paste(drawn.crop((50 + 56 * row, 36, 106 + 56 * row, 108)), (330, 60 + 72 * row))
    assert texts(read(page)) == ["请勿在此处停车", "北京欢迎您"]
