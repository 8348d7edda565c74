"""Lines that share an input keep their text, their order and their distance."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.line_packing import (
    FULL_INPUT_PX,
    INPUT_WIDTHS_PX,
    PX_PER_LINE,
    SLOT_GAP_PX,
    SMALL_INPUT_PX,
    PackedLineRecognizer,
    pack,
)
from ocr.recognizer import PX_PER_COLUMN, TRAILING_SPACE_PX
from tests.fakes.recognizer import CHARSET, GreyIsCharacter, Steps, crop, texts


class Spy:
    """GreyIsCharacter for packed lines; keeps its inputs."""

    def __init__(self) -> None:
        self.inputs: list[tuple[NDArray[np.float32], Sequence[slice]]] = []

    def __call__(self, packed: NDArray[np.float32], slots: Sequence[slice]) -> Steps:
        self.inputs.append((packed, slots))
        best, probability = GreyIsCharacter()(packed)
        return best[0], probability[0]


@given(st.lists(texts, max_size=40))
def test_lines_keep_their_text_and_their_order(lines: list[str]) -> None:
    network = Spy()
    assert [text for text, _ in PackedLineRecognizer(network, CHARSET)([crop(text) for text in lines])] == lines
    for packed, slots in network.inputs:
        assert packed.shape[3] in INPUT_WIDTHS_PX
        assert 0 < len(slots) <= packed.shape[3] // PX_PER_LINE
        assert slots[0].start == 0
        assert slots[-1].stop <= packed.shape[3]
        for slot in slots:
            assert slot.start % PX_PER_COLUMN == slot.stop % PX_PER_COLUMN == 0
            assert not packed[..., slot.stop - TRAILING_SPACE_PX : slot.stop].any()
        assert all(after.start - before.stop == SLOT_GAP_PX for before, after in pairwise(slots))


@given(st.integers(1, 400), st.integers(1, 9000))
def test_a_line_that_is_longer_than_an_input_is_squeezed_until_it_fits(height: int, width: int) -> None:
    network = Spy()
    PackedLineRecognizer(network, CHARSET)([np.full((height, width, 3), 200, np.uint8)])
    ((packed, (slot,)),) = network.inputs
    used, unsqueezed = int(np.flatnonzero(packed[0, 0, 0])[-1]) + 1, -(-48 * width // height)
    assert used <= slot.stop - TRAILING_SPACE_PX
    assert used == min(unsqueezed, FULL_INPUT_PX - TRAILING_SPACE_PX)


@given(
    st.lists(
        st.integers(5, FULL_INPUT_PX // PX_PER_COLUMN).map(lambda columns: columns * PX_PER_COLUMN),
        min_size=1,
        max_size=60,
    )
)
def test_every_line_is_in_one_input_that_holds_it(slots: list[int]) -> None:
    packed = list(pack(slots))
    assert sorted(index for _, lines in packed for index in lines) == list(range(len(slots)))
    assert all(sum(slots[index] + SLOT_GAP_PX for index in lines) - SLOT_GAP_PX <= width for width, lines in packed)
    assert all(len(lines) * PX_PER_LINE <= width for width, lines in packed)


@pytest.mark.parametrize(
    ("slots", "widths"),
    [
        ([160], [SMALL_INPUT_PX]),
        ([160, 152], [SMALL_INPUT_PX]),
        ([200, 200], [SMALL_INPUT_PX, SMALL_INPUT_PX]),
        ([200] * 6, [SMALL_INPUT_PX] * 6),
        ([200] * 7, [FULL_INPUT_PX]),
        ([320, 328], [FULL_INPUT_PX]),
        ([40] * 5, [SMALL_INPUT_PX, SMALL_INPUT_PX]),  # a small input takes four lines
        ([FULL_INPUT_PX // 2, FULL_INPUT_PX // 2 - SLOT_GAP_PX, 80], [FULL_INPUT_PX, SMALL_INPUT_PX]),
    ],
)
def test_few_lines_take_small_inputs(slots: list[int], widths: list[int]) -> None:
    assert [width for width, _ in pack(slots)] == widths
