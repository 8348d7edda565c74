"""What a runner must make of the picture that it tests itself with, and what is said if it does not."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ocr.errors import RunnerUnavailable
from ocr.types import DetectorOutput, Pixels, Reading, TextLine
from runners import self_test
from runners.registry import RUNNERS
from runners.self_test import CELL_PX, Expected
from tests.fakes.self_test import read_as_expected

EXPECTED = self_test.find_expected("cuda-onnx", "ppocrv6")
assert EXPECTED
LINES = read_as_expected(EXPECTED)


class Card:
    """Reads the picture as a processor does, but for what a test has gone wrong."""

    def __init__(self) -> None:
        self.lines = LINES
        self.lines_later = LINES
        assert EXPECTED
        self.map = np.kron(EXPECTED.cells, np.ones((CELL_PX, CELL_PX), np.float32))
        self.largest_batch = 32
        self.reads = 0

    def read(self, photo: bytes) -> Reading:
        assert photo == self_test.PICTURE.read_bytes()
        self.reads += 1
        return Reading(self.lines if self.reads == 1 else self.lines_later)

    def recognize(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        garbled = len(crops) > self.largest_batch
        return [("�" if garbled and index else str(crop.shape[0]), 0.9) for index, crop in enumerate(crops)]

    def detect(self, pixels: Pixels) -> DetectorOutput:
        assert pixels.shape[:2] == self.map.shape
        return DetectorOutput(self.map)

    def check(self, expected: Expected | None = EXPECTED) -> None:
        self_test.check(self.read, self.recognize, self.detect, expected)


@pytest.mark.parametrize("expected", [EXPECTED, None], ids=["known", "unknown"])
def test_a_card_that_reads_right_passes(expected: Expected | None) -> None:
    Card().check(expected)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        (name, model)
        for name, entry in RUNNERS.items()
        if entry.card == "required"
        for model in entry.models
        if model in entry.form.packages and model != "paddleocr"  # others are fetched; this is a library's object
    ],
)
def test_it_is_known_what_each_runner_for_cards_reads_in_latin_and_in_chinese(name: str, model: str) -> None:
    expected = self_test.find_expected(name, model)
    assert expected
    texts = [line.text for line in expected.lines]
    assert any(text.isascii() for text in texts)
    assert any("\u4e00" <= text[0] <= "\u9fff" for text in texts)
    with Image.open(self_test.PICTURE) as picture:
        assert not any(side % 32 for side in picture.size)


def test_of_a_model_of_somebodys_own_nothing_is_known() -> None:
    assert self_test.find_expected("cuda-onnx", "mine") is None


def changed(index: int, **values: object) -> list[TextLine]:
    return [replace(line, **values) if at == index else line for at, line in enumerate(LINES)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (changed(1, text="T0TAL"), r"expected the lines \['CORNER BOOKSHOP', 'TOTAL', .*came .*'T0TAL'"),
        (LINES[1:], r"expected the lines .*'CORNER BOOKSHOP'.*, came \['TOTAL'"),
        ([], r"came \[\]"),
        (changed(2, score=0.9), "expected a score of 1.00 for '请勿在此处停车', came 0.90"),
        (changed(0, score=float("nan")), "came nan"),
        (changed(0, polygon=LINES[0].polygon + 4), r"expected the box \[39, 27, 409, 42\] .*came \[43, 31, 409, 42\]"),
    ],
)
def test_lines_that_differ_are_told(lines: list[TextLine], told: str) -> None:
    card = Card()
    card.lines = lines
    with pytest.raises(RunnerUnavailable, match=f"^the self-test failed: .*{told}"):
        card.check()


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan")])
def test_a_map_that_differs_is_told(value: float) -> None:
    card = Card()
    card.map[160:224] = value
    with pytest.raises(RunnerUnavailable, match="expected a map of the detector as on a processor"):
        card.check()


@pytest.mark.parametrize("expected", [EXPECTED, None], ids=["known", "unknown"])
def test_a_batch_in_which_lines_read_otherwise_is_told(expected: Expected | None) -> None:
    card = Card()
    card.largest_batch = 8
    with pytest.raises(RunnerUnavailable, match=r"in a batch of 32 as alone, came"):
        card.check(expected)


@pytest.mark.parametrize("expected", [EXPECTED, None], ids=["known", "unknown"])
def test_a_second_reading_that_differs_is_told(expected: Expected | None) -> None:
    card = Card()
    card.lines_later = changed(3, text="北京")
    with pytest.raises(RunnerUnavailable, match="from two threads, expected the lines"):
        card.check(expected)


def test_an_error_is_told_in_one_line() -> None:
    def lost(_: Pixels) -> DetectorOutput:
        raise OSError("(External) CUDA error(700),\n\n  an illegal memory access was encountered." + " x" * 500)

    card = Card()
    with pytest.raises(RunnerUnavailable) as raised:
        self_test.check(card.read, card.recognize, lost, EXPECTED)
    told = str(raised.value)
    assert told.startswith("the self-test failed: expected lines, came OSError: (External) CUDA error(700), an illegal")
    assert len(told.splitlines()) == 1
    assert len(told) < 400
