"""A line that is too long for one input is read in parts, and reads as one."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.line_splitting import LONGEST, WORD_GAP, LineSplitter
from ocr.types import Pixels

HEIGHT = 24
GAP = round(HEIGHT * WORD_GAP) + 1


def written(words: Sequence[int], height: int = HEIGHT) -> NDArray[np.uint8]:
    """A line of words so many pixels wide, of dark strokes, between gaps in which the paper has a shade of its own."""
    shade = np.arange(sum(words) + GAP * len(words), dtype=np.int64) % 40 + 180
    line = np.broadcast_to(shade[np.newaxis, :, np.newaxis], (height, len(shade), 3)).astype(np.uint8)
    left = 0
    for word in words:
        line[height // 3 : height // 2, left : left + word] = 30
        left += word + GAP
    return line


def widths(crop: Pixels) -> list[int]:
    """How wide each of its words is."""
    printed = crop.min(axis=(0, 2)) < 100
    return [len(list(columns)) for dark, columns in groupby(printed) if dark]


def measured(crops: Sequence[Pixels]) -> list[tuple[str, float]]:
    """A recognizer that reads how wide the words are."""
    assert all(crop.shape[1] <= LONGEST * crop.shape[0] for crop in crops)
    return [(" ".join(map(str, widths(crop))), 0.9) for crop in crops]


@given(st.lists(st.lists(st.integers(2, 5 * HEIGHT), min_size=1, max_size=80), max_size=4))
def test_lines_of_any_length_keep_their_words_and_their_order(lines: list[list[int]]) -> None:
    read = LineSplitter(measured)([written(words) for words in lines])
    assert [text for text, _ in read] == [" ".join(map(str, words)) for words in lines]
    assert all(score == pytest.approx(0.9) for text, score in read)


@given(st.integers(1, 60), st.integers(1, 9000))
def test_no_part_is_too_long_and_no_pixel_is_lost(height: int, width: int) -> None:
    parts: list[Pixels] = []

    def recognizer(crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        parts.extend(crops)
        return [("", 0.0)] * len(crops)

    line = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert LineSplitter(recognizer)([line]) == [("", 0.0)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), line)
    assert all(0 < part.shape[1] <= LONGEST * height for part in parts)
    assert len(parts) == 1 if width <= LONGEST * height else len(parts) <= 2 * width / (LONGEST * height) + 1


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("in the", "evening", "in the evening"),
        ("in the ", " evening", "in the evening"),
        ("北京", "欢迎您", "北京欢迎您"),
        ("北京,", "欢迎您", "北京, 欢迎您"),
        ("北京\N{FULLWIDTH COMMA}", "欢迎您", "北京\N{FULLWIDTH COMMA}欢迎您"),
        ("北京", "2008", "北京 2008"),
        ("", "evening", "evening"),
        ("evening", "", "evening"),
    ],
)
def test_parts_are_joined_as_the_script_has_it(first: str, second: str, text: str) -> None:
    ((read, score),) = LineSplitter(lambda _: [(first, 0.8), (second, 0.8)])([written([20] * 30)])
    assert read == text
    assert score == pytest.approx(0.8)


def test_the_score_is_the_mean_of_the_characters() -> None:
    ((_, score),) = LineSplitter(lambda _: [("a", 0.6), ("bcd", 1.0)])([written([20] * 30)])
    assert score == pytest.approx(0.9)
