import io
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ocr.decoding import Photo
from ocr.detector import Detector
from ocr.pipeline import TRIED, Pipeline
from ocr.recognizer import Recognizer
from ocr.search import Search
from ocr.types import Limits, Pixels, Polygon, Reading
from tests.fakes.detector import DarkIsText, page

UPRIGHT, TURNED, BAD = "abc", "xyz", "?"
CHARSET = UPRIGHT + TURNED + BAD


class LightEnd:
    """A recognizer's network for dark bars with a lighter end: upright if that is on the right.

    `head_score` is what it gives to a bar that stands on its head and that it takes for a text all the same,
    `score` what it gives to one that does not.
    """

    def __init__(self, head_score: float, score: float = 0.95) -> None:
        self.head_score = head_score
        self.score = score
        self.lines = 0

    def __call__(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        best, probability = np.zeros((len(batch), 8), dtype=np.int64), np.zeros((len(batch), 8), dtype=np.float32)
        self.lines += len(batch)
        for index, line in enumerate(batch):
            dark = np.flatnonzero(np.abs(line.mean(axis=(0, 1))) > 0.05)
            columns = line.mean(axis=(0, 1))[: dark[-1]]
            upright = columns[len(columns) // 2 :].mean() > columns[: len(columns) // 2].mean()
            best[index, 0] = CHARSET.index("a" if upright else BAD) + 1
            probability[index, 0] = self.score if upright else self.head_score
        return best, probability


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def bars(*, turned: bool = False) -> bytes:
    pixels = page(900, 800, (100, 100, 300, 30), (100, 400, 200, 30))
    pixels[105:125, 300:395] = 90
    pixels[405:425, 230:295] = 90
    return png(np.ascontiguousarray(np.rot90(pixels, 2)) if turned else pixels)


def pipeline(head_score: float = 0.6, min_score: float = 0.5, network: LightEnd | None = None) -> Pipeline:
    limits = Limits(max_side=2000, max_pixels=10**7, min_score=min_score)
    detector = Detector(DarkIsText())
    finder = Search(detector, limits, detector)
    return Pipeline(finder, Recognizer(network or LightEnd(head_score), CHARSET), limits)


def test_lines_come_in_reading_order_with_their_boxes() -> None:
    lines = pipeline().read(bars()).lines
    assert [line.text for line in lines] == ["a", "a"]
    assert lines[0].box[1] < lines[1].box[1]
    assert abs(lines[0].box[0] - 100) < 30


def test_the_box_of_a_line_is_smaller_than_what_was_cut_out() -> None:
    detector = Detector(DarkIsText())
    _, cut = Search(detector, Limits(2000, 10**7, 0.5), detector)(bars(), Reading())
    boxes = [line.box for line in pipeline().read(bars()).lines]
    for (left, top, width, height), polygon in zip(boxes, sorted(cut, key=lambda polygon: polygon[0][1]), strict=True):
        room = (polygon[3][1] - polygon[0][1]) / 16
        assert (left, top) == pytest.approx(polygon[0] + room, abs=0.01)
        assert (left + width, top + height) == pytest.approx(polygon[2] - room, abs=0.01)


@pytest.mark.parametrize("head_score", [0.1, 0.6])
def test_lines_on_their_head_are_read_turned(head_score: float) -> None:
    assert [line.text for line in pipeline(head_score).read(bars(turned=True)).lines] == ["a", "a"]


@pytest.mark.parametrize(("score", "text"), [(0.92, "a"), (0.88, BAD)])
def test_a_second_reading_counts_only_if_it_is_sure(score: float, text: str) -> None:
    lines = pipeline(network=LightEnd(0.6, score)).read(bars(turned=True)).lines
    assert [line.text for line in lines] == [text, text]


class Illegible(LightEnd):
    """Reads everything badly, whichever way up."""

    def __call__(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        best, probability = super().__call__(batch)
        return best, np.minimum(probability, np.float32(0.6))


def columns(rows: int) -> NDArray[np.uint8]:
    """Two columns of dark bars with their lighter end on the left: on their head."""
    pixels = page(900, 800, *((x, 20 + 38 * row, 300, 16) for row in range(rows) for x in (60, 500)))
    for row in range(rows):
        for x in (60, 500):
            pixels[22 + 38 * row : 34 + 38 * row, x + 5 : x + 100] = 90
    return pixels


@pytest.mark.parametrize(("rows", "read"), [(5, 20), (20, 40 + TRIED)])
def test_of_many_illegible_lines_only_some_are_read_turned_too(rows: int, read: int) -> None:
    network = Illegible(0.6)
    assert len(pipeline(network=network).read(png(columns(rows))).lines) == 2 * rows
    assert network.lines == read


def test_all_of_many_lines_on_their_head_are_read_turned() -> None:
    assert [line.text for line in pipeline().read(png(columns(20))).lines] == ["a"] * 40


def test_lines_below_the_least_score_are_left_out() -> None:
    assert pipeline(min_score=0.99).read(bars()).lines == []


def test_a_photo_without_text_has_no_lines() -> None:
    assert pipeline().read(png(page(300, 200))).lines == []


def test_the_seconds_of_each_stage_are_told() -> None:
    seconds = pipeline().read(bars()).seconds
    assert list(seconds) == ["decode", "coarse", "recognize"]
    assert all(0 < value < 60 for value in seconds.values())


SIZE = 1000
LIGHT_END = 255


class Shelf:
    """A finder that finds lines so many pixels wide, one below the other; the pixels say which, and where it ends."""

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = widths

    def __call__(self, data: bytes, reading: Reading) -> tuple[Photo, list[Polygon]]:
        pixels = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
        polygons = []
        for index, width in enumerate(self._widths):
            top = 10 * index
            pixels[top : top + 8, :width] = index
            pixels[top : top + 8, width - 2 : width] = LIGHT_END
            polygons.append(np.array([[0, top], [width, top], [width, top + 8], [0, top + 8]], dtype=np.float32))
        return Photo(pixels, SIZE, SIZE), polygons

    def outline(self, polygon: Polygon) -> Polygon:
        return polygon


class Known:
    """A recognizer that knows what each line of a Shelf says, upright and turned; notes which were given turned."""

    def __init__(self, upright: Sequence[tuple[str, float]], turned: Sequence[tuple[str, float]]) -> None:
        self._upright, self._turned = upright, turned
        self.given_turned: list[int] = []

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        return [self._read(crop) for crop in crops]

    def _read(self, crop: Pixels) -> tuple[str, float]:
        middle, width = crop.shape[0] // 2, crop.shape[1]
        index = int(crop[middle, width // 2, 0])
        if crop[middle, 0, 0] != LIGHT_END:
            return self._upright[index]
        self.given_turned.append(index)
        return self._turned[index]


def recognized(
    upright: Sequence[tuple[str, float]],
    turned: Sequence[tuple[str, float]],
    widths: Sequence[int] = (),
    min_score: float = 0,
) -> tuple[list[str], list[int]]:
    """The texts, and which lines were also read turned."""
    recognizer = Known(upright, turned)
    limits = Limits(max_side=SIZE, max_pixels=10**7, min_score=min_score)
    lines = Pipeline(Shelf(widths or [40] * len(upright)), recognizer, limits).read(b"").lines
    return [line.text for line in lines], recognizer.given_turned


GOOD, FAIR, POOR = 0.95, 0.85, 0.5


def test_only_lines_that_read_badly_are_turned() -> None:
    texts, turned = recognized([("a", 0.79), ("b", 0.81)], [("A", POOR)] * 2)
    assert (texts, turned) == (["a", "b"], [0])


@pytest.mark.parametrize(
    ("on_their_head", "lines", "all_of_them"), [(1, 8, False), (2, 8, True), (2, 9, False), (3, 9, True)]
)
def test_if_a_quarter_of_the_lines_was_on_its_head_the_others_are_turned_too(
    on_their_head: int, lines: int, all_of_them: bool
) -> None:
    upright = [("no", POOR)] * on_their_head + [("TOTAL", FAIR)] * (lines - on_their_head)
    texts, turned = recognized(upright, [("yes", GOOD)] * lines)
    assert sorted(turned) == list(range(lines if all_of_them else on_their_head))
    assert texts == ["yes"] * len(turned) + ["TOTAL"] * (lines - len(turned))


def test_of_those_each_keeps_the_reading_that_is_surer() -> None:
    texts, turned = recognized([("no", POOR), ("b", 0.99), ("c", FAIR)], [("yes", GOOD), ("B", GOOD), ("C", GOOD)])
    assert sorted(turned) == [0, 1, 2]
    assert texts == ["yes", "b", "C"]


@pytest.mark.parametrize(("on_its_head", "found"), [(TRIED, True), (0, False)])
def test_the_widest_of_the_unsure_lines_show_whether_turning_helps(on_its_head: int, found: bool) -> None:
    widths = [80 + 10 * index for index in range(TRIED + 1)]
    turned_readings = [("yes", GOOD) if index == on_its_head else ("?", 0.0) for index in range(TRIED + 1)]
    texts, turned = recognized([("no", POOR)] * (TRIED + 1), turned_readings, widths)
    assert ("yes" in texts) == found
    assert sorted(turned) == list(range(0 if found else 1, TRIED + 1))


def test_blank_lines_and_those_below_the_least_score_are_left_out() -> None:
    texts, _ = recognized([("  ", 1.0), (" a ", 0.9), ("b", 0.89)], [("", 0.0)] * 3, min_score=0.9)
    assert texts == ["a"]


class OnItsSide:
    """A finder of a page with three columns and two numbers, each with a light side; and a recognizer that reads them.

    It reads columns well, and numbers with the scores of the way that they are turned.
    """

    def __init__(self, side: int, scores: Sequence[tuple[float, float]]) -> None:
        self._side = side
        self._scores = scores

    def __call__(self, data: bytes, reading: Reading) -> tuple[Photo, list[Polygon]]:
        pixels = np.full((200, 200, 3), 50, dtype=np.uint8)
        places = [(20 * index, 0, 10, 90) for index in range(3)] + [(20 * index, 120, 12, 12) for index in range(2)]
        for left, top, _, _ in places[3:]:
            number = np.full((12, 12, 3), 100, dtype=np.uint8)
            number[0] = LIGHT_END
            pixels[top : top + 12, left : left + 12] = np.rot90(number, self._side)
        corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h in places]
        return Photo(pixels, 200, 200), [np.array(polygon, dtype=np.float32) for polygon in corners]

    def outline(self, polygon: Polygon) -> Polygon:
        return polygon

    def recognize(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        numbers = iter(self._scores)
        return [("column", GOOD) if crop[6, 6, 0] == 50 else self._read(crop, next(numbers)) for crop in crops]

    def _read(self, crop: Pixels, scores: tuple[float, float]) -> tuple[str, float]:
        upright = int(crop[0, 6, 0]) == LIGHT_END
        return ("right", scores[0]) if upright else ("wrong", scores[1])


@pytest.mark.parametrize("side", [0, 1, 3])
def test_short_lines_of_a_page_on_its_side_are_turned_as_all_of_them_read_best(side: int) -> None:
    page_on_its_side = OnItsSide(side, [(0.85, 0.9), (0.95, 0.3)])  # the first one alone reads better the wrong way
    limits = Limits(max_side=SIZE, max_pixels=10**7, min_score=0)
    lines = Pipeline(page_on_its_side, page_on_its_side.recognize, limits).read(b"").lines
    assert sorted(line.text for line in lines) == ["column"] * 3 + ["right"] * 2
