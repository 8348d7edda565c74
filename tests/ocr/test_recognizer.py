import math
import re
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.recognizer import (
    INPUT_WIDTHS_PX,
    MAX_BATCH_WIDTH_PX,
    SPACE_BONUS_NATS,
    TRAILING_SPACE_PX,
    TRAINED_WIDTH_PX,
    Recognizer,
    UnpaddedRecognizer,
    decode_ctc,
)
from runners.pipeline import pick_best_classes
from tests.fakes.recognizer import CHARSET, STEP, GreyIsCharacter, Steps, crop, texts


def test_spaces_get_a_bonus_and_scores_stay_probabilities() -> None:
    given_ = np.array([[[0.7, 0.05, 0.25], [0.9, 0.05, 0.05], [0, 1, 0], [0, 0, 1]]], dtype=np.float32)
    classes, scores = pick_best_classes(lambda _: [given_.copy()], "a ")(np.zeros((1, 3, 48, 32), np.float32))
    assert classes.tolist() == [[2, 0, 1, 2]]
    odds = given_ * [1, 1, math.exp(SPACE_BONUS_NATS)]
    np.testing.assert_allclose(scores, (odds / odds.sum(axis=2, keepdims=True)).max(axis=2), rtol=1e-5)
    classes, scores = pick_best_classes(lambda _: [given_.copy()], "ab ")(np.zeros((1, 3, 48, 32), np.float32))
    assert classes.tolist() == [[0, 0, 1, 2]]  # this network knows no space
    np.testing.assert_allclose(scores, given_.max(axis=2))


def test_the_score_is_that_of_the_letters() -> None:
    sure = np.array([0.9, 0.5, 0.7], dtype=np.float32)
    text, score = decode_ctc("a b", np.array([1, 2, 3]), sure)
    assert text == "a b"
    assert score == pytest.approx(0.8)
    assert decode_ctc(" ", np.array([1]), sure[:1]) == (" ", 0)


def test_a_wide_gap_is_one_space() -> None:
    assert decode_ctc("a ", np.array([1, 2, 0, 2, 0, 2, 1]), np.full(7, 0.9, np.float32))[0] == "a a"


@pytest.mark.parametrize(
    ("line", "sure", "text"),
    [
        ("着 色", 0.7, "着色"),
        ("着 色", 0.9, "着 色"),
        ("a 色", 0.7, "a 色"),
        ("한 국", 0.7, "한 국"),
        (" 色", 0.7, " 色"),
    ],
)
def test_an_unsure_space_between_han_characters_is_dropped(line: str, sure: float, text: str) -> None:
    classes = np.arange(1, len(line) + 1)
    read, score = decode_ctc(line, classes, np.full(len(line), sure, np.float32))
    assert read == text
    assert score == pytest.approx(sure)


# The lines of `texts` have up to 384 pixels: longer ones may be squeezed, which moves characters off their columns.


@given(texts)
def test_a_line_is_read_character_by_character(text: str) -> None:
    read, score = Recognizer(GreyIsCharacter(), CHARSET)([crop(text)])[0]
    assert read == text
    assert abs(score - (0.9 if text.strip() else 0)) < 1e-6


@given(st.lists(texts, max_size=12))
def test_lines_of_one_call_read_as_if_alone_and_keep_their_order(lines: list[str]) -> None:
    recognizer = Recognizer(GreyIsCharacter(), CHARSET)
    crops = [crop(text) for text in lines]
    at_once = [text for text, _ in recognizer(crops)]
    assert at_once == lines == [recognizer([one])[0][0] for one in crops]


@given(st.lists(st.integers(0, len(CHARSET)), min_size=1, max_size=40))
def test_ctc_drops_repeats_then_blanks(steps: list[int]) -> None:
    answer = np.array([steps]), np.full((1, len(steps)), 0.8, dtype=np.float32)
    read, _ = Recognizer(lambda _: answer, CHARSET)([crop("a")])[0]
    kept = "".join(CHARSET[step - 1] for step, _ in groupby(steps) if step)
    assert re.split(" +", read) == re.split(" +", kept)
    assert "  " not in read


def test_the_score_is_the_mean_over_the_characters() -> None:
    # the repeat and the blank do not count
    answer = np.array([[1, 1, 0, 2]]), np.array([[0.9, 0.5, 1.0, 0.7]], dtype=np.float32)
    read, score = Recognizer(lambda _: answer, CHARSET)([crop("a")])[0]
    assert read == "ab"
    assert abs(score - 0.8) < 1e-6


@given(st.integers(1, 400), st.integers(1, 6000))
def test_few_widths_are_ever_used(height: int, width: int) -> None:
    network = GreyIsCharacter()
    Recognizer(network, CHARSET)([np.zeros((height, width, 3), dtype=np.uint8)])
    assert network.shapes[0][:3] == (1, 3, 48)
    assert network.shapes[0][3] in INPUT_WIDTHS_PX


@given(st.integers(1, 5000))
def test_a_long_line_is_squeezed_a_little_and_keeps_free_space_to_its_right(width: int) -> None:
    used = 0

    def network(batch: NDArray[np.float32]) -> Steps:
        nonlocal used
        used = int(np.flatnonzero(batch[0, 0, 0])[-1]) + 1
        assert used * 1.05 <= batch.shape[3] in INPUT_WIDTHS_PX
        steps = np.zeros((1, batch.shape[3] // STEP))
        return steps.astype(np.int64), steps.astype(np.float32)

    Recognizer(network, CHARSET)([np.full((48, width, 3), 200, np.uint8)])
    assert used <= width
    assert used == width if width <= 396 else used >= min(0.85 * width - 1, INPUT_WIDTHS_PX[-1] / 1.05 - 1)


def test_batches_are_bounded() -> None:
    network = GreyIsCharacter()
    Recognizer(network, CHARSET)([crop("abc")] * 50 + [crop("abcdefghi" * 12)] * 3)
    assert all(batch == 1 or batch * width <= MAX_BATCH_WIDTH_PX for batch, _, _, width in network.shapes)


def test_every_width_has_few_batch_sizes() -> None:
    network = GreyIsCharacter()
    for count in range(1, 12):
        Recognizer(network, CHARSET)([crop("abc")] * count)
    assert {batch for batch, _, _, width in network.shapes if width == TRAINED_WIDTH_PX} == {1, 2, 4}


@given(st.lists(texts, max_size=12))
def test_short_lines_keep_their_text_and_their_order(lines: list[str]) -> None:
    recognizer = UnpaddedRecognizer(GreyIsCharacter(), CHARSET)
    assert [text for text, _ in recognizer([crop(text) for text in lines])] == lines


@given(st.integers(1, 400), st.integers(1, 6000))
def test_an_input_is_as_wide_as_a_short_line_needs(height: int, width: int) -> None:
    network = GreyIsCharacter()
    UnpaddedRecognizer(network, CHARSET)([np.zeros((height, width, 3), dtype=np.uint8)])
    used = network.shapes[0][3]
    if used < TRAINED_WIDTH_PX:
        assert used % STEP == 0
        assert 0 <= used - TRAILING_SPACE_PX - 48 * width / height < STEP + 1
    else:
        assert used in INPUT_WIDTHS_PX


def test_any_number_of_lines_share_a_pass_within_bounds() -> None:
    network = GreyIsCharacter()
    UnpaddedRecognizer(network, CHARSET)([crop("abc")] * 53 + [crop("abcdefghi" * 12)] * 3)
    assert all(batch == 1 or batch * width <= MAX_BATCH_WIDTH_PX for batch, _, _, width in network.shapes)
    assert len(network.shapes) == 3 + math.ceil(53 / (MAX_BATCH_WIDTH_PX // network.shapes[-1][3]))
