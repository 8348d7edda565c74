"""A line that is too long for one input is read in parts whose texts are joined."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.line_splitting import MAX_PART_LINE_HEIGHTS, WORD_GAP_LINE_HEIGHTS, LineSplitter
from ocr.types import Pixels

HEIGHT = 24
GAP = round(HEIGHT * WORD_GAP_LINE_HEIGHTS) + 1


def draw(words: Sequence[int], height: int = HEIGHT) -> NDArray[np.uint8]:
    """A line of dark words of these widths in pixels, on paper with a different shade in every column."""
    shade = np.arange(sum(words) + GAP * len(words), dtype=np.int64) % 40 + 180
    line = np.broadcast_to(shade[np.newaxis, :, np.newaxis], (height, len(shade), 3)).astype(np.uint8)
    left = 0
    for word in words:
        line[height // 3 : height // 2, left : left + word] = 30
        left += word + GAP
    return line


def widths(crop: Pixels) -> list[int]:
    """The width of each word in pixels."""
    printed = crop.min(axis=(0, 2)) < 100
    return [len(list(columns)) for dark, columns in groupby(printed) if dark]


def read_widths(crops: Sequence[Pixels]) -> list[tuple[str, float]]:
    """A recognizer whose text is the widths of the words."""
    assert all(crop.shape[1] <= MAX_PART_LINE_HEIGHTS * crop.shape[0] for crop in crops)
    return [(" ".join(map(str, widths(crop))), 0.9) for crop in crops]


@given(st.lists(st.lists(st.integers(2, 5 * HEIGHT), min_size=1, max_size=80), max_size=4))
def test_lines_of_any_length_keep_their_words_and_their_order(lines: list[list[int]]) -> None:
    read = LineSplitter(read_widths)([draw(words) for words in lines])
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
    assert all(0 < part.shape[1] <= MAX_PART_LINE_HEIGHTS * height for part in parts)
    assert (
        len(parts) == 1
        if width <= MAX_PART_LINE_HEIGHTS * height
        else len(parts) <= 2 * width / (MAX_PART_LINE_HEIGHTS * height) + 1
    )


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
def test_parts_are_joined_with_a_space_except_within_chinese_and_japanese(first: str, second: str, text: str) -> None:
    ((read, score),) = LineSplitter(lambda _: [(first, 0.8), (second, 0.8)])([draw([20] * 30)])
    assert read == text
    assert score == pytest.approx(0.8)


def test_the_score_is_the_mean_of_the_characters() -> None:
    ((_, score),) = LineSplitter(lambda _: [("a", 0.6), ("bcd", 1.0)])([draw([20] * 30)])
    assert score == pytest.approx(0.9)
