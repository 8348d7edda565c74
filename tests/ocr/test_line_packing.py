"""Lines that share a row keep their text, their order and their distance."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.line_packing import BETWEEN, FULL, NARROW, SMALL, WIDTHS, PackedLineRecognizer, rows
from ocr.recognizer import BEHIND, STEP
from tests.fakes.recognizer import CHARSET, GreyIsCharacter, Steps, crop, texts


class Spy:
    """GreyIsCharacter for rows; keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[NDArray[np.float32], Sequence[slice]]] = []

    def __call__(self, row: NDArray[np.float32], lines: Sequence[slice]) -> Steps:
        self.given.append((row, lines))
        best, probability = GreyIsCharacter()(row)
        return best[0], probability[0]


@given(st.lists(texts, max_size=40))
def test_lines_keep_their_text_and_their_order(lines: list[str]) -> None:
    network = Spy()
    assert [text for text, _ in PackedLineRecognizer(network, CHARSET)([crop(text) for text in lines])] == lines
    for row, spans in network.given:
        assert row.shape[3] in WIDTHS
        assert 0 < len(spans) <= row.shape[3] // NARROW
        assert spans[0].start == 0
        assert spans[-1].stop <= row.shape[3]
        for line in spans:
            assert line.start % STEP == line.stop % STEP == 0
            assert not row[..., line.stop - BEHIND : line.stop].any()
        assert all(after.start - before.stop == BETWEEN for before, after in pairwise(spans))


@given(st.integers(1, 400), st.integers(1, 9000))
def test_a_line_that_is_longer_than_a_row_is_squeezed_until_it_fits(height: int, width: int) -> None:
    network = Spy()
    PackedLineRecognizer(network, CHARSET)([np.full((height, width, 3), 200, np.uint8)])
    ((row, (line,)),) = network.given
    used, wanted = int(np.flatnonzero(row[0, 0, 0])[-1]) + 1, -(-48 * width // height)
    assert used <= line.stop - BEHIND
    assert used == min(wanted, FULL - BEHIND)


@given(st.lists(st.integers(5, FULL // STEP).map(lambda steps: steps * STEP), min_size=1, max_size=60))
def test_every_line_is_in_one_row_that_holds_it(rooms: list[int]) -> None:
    packed = list(rows(rooms))
    assert sorted(index for _, row in packed for index in row) == list(range(len(rooms)))
    assert all(sum(rooms[index] + BETWEEN for index in row) - BETWEEN <= width for width, row in packed)
    assert all(len(row) * NARROW <= width for width, row in packed)


@pytest.mark.parametrize(
    ("rooms", "widths"),
    [
        ([160], [SMALL]),
        ([160, 152], [SMALL]),
        ([200, 200], [SMALL, SMALL]),
        ([200] * 6, [SMALL] * 6),
        ([200] * 7, [FULL]),
        ([320, 328], [FULL]),
        ([40] * 5, [SMALL, SMALL]),  # a row of SMALL has four places
        ([FULL // 2, FULL // 2 - BETWEEN, 80], [FULL, SMALL]),
    ],
)
def test_few_lines_take_small_rows(rooms: list[int], widths: list[int]) -> None:
    assert [width for width, _ in rows(rooms)] == widths
