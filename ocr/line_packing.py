"""Several lines in one input of a network that reads each as if it were alone.

Each line has a slot of the packed input: its own pixels, the free space that it needs behind it, and no more.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ocr.recognizer import INPUT_HEIGHT_PX, PX_PER_COLUMN, TRAILING_SPACE_PX, decode_ctc, resize, scale_width
from ocr.types import Pixels

SLOT_GAP_PX = 8  # between two slots: the network's convolutions reach that far, and see zeros there
SMALL_INPUT_PX, FULL_INPUT_PX = 320, 2560
INPUT_WIDTHS_PX = (SMALL_INPUT_PX, FULL_INPUT_PX)
"""Widths of packed inputs: few, because preparing the engine for one takes memory and a third of a second."""

PX_PER_LINE = 80  # a packed input takes at most one line for each of these
MAX_SMALL_INPUTS = 6  # so many small inputs take less time than a full one

PackedLinesNetwork = Callable[[NDArray[np.float32], Sequence[slice]], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""One pass of a recognizer's network over packed lines: takes (1, 3, 48, one of INPUT_WIDTHS_PX) in -1..1, BGR, and the
slot of each line in pixels, at most one for every PX_PER_LINE; gives the most probable class of every column and its
probability (0..1), both (T,). Safe to call from several threads at once."""


class PackedLineRecognizer:
    """Reads the text of cropped lines; class 0 of `network` is CTC's blank, class i is charset[i - 1]."""

    def __init__(self, network: PackedLinesNetwork, charset: Sequence[str]) -> None:
        self._network = network
        self._charset = charset

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        texts = [("", 0.0)] * len(crops)
        slot_widths = [_choose_slot_width(scale_width(crop)) for crop in crops]
        for input_width, members in pack(slot_widths):
            packed = np.zeros((1, 3, INPUT_HEIGHT_PX, input_width), dtype=np.float32)
            slots = []
            start = 0
            for index in members:
                width = min(scale_width(crops[index]), slot_widths[index] - TRAILING_SPACE_PX)
                packed[0, :, :, start : start + width] = resize(crops[index], width)
                slots.append(slice(start, start + slot_widths[index]))
                start += slot_widths[index] + SLOT_GAP_PX
            best, probability = self._network(packed, slots)
            for index, slot in zip(members, slots, strict=True):
                columns = slice(slot.start // PX_PER_COLUMN, slot.stop // PX_PER_COLUMN)
                texts[index] = decode_ctc(self._charset, best[columns], probability[columns])
        return texts


def _choose_slot_width(line_width: int) -> int:
    """The width of a line's slot in pixels; a line that is longer than an input is squeezed."""
    return min(math.ceil((line_width + TRAILING_SPACE_PX) / PX_PER_COLUMN) * PX_PER_COLUMN, FULL_INPUT_PX)


def pack(slot_widths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Distribute slots of these widths among inputs, first fit, the widest first: each input's width and its lines."""
    packed = _pack_first_fit(slot_widths, sorted(range(len(slot_widths)), key=lambda i: -slot_widths[i]), FULL_INPUT_PX)
    if packed and slot_widths[packed[-1][0]] <= SMALL_INPUT_PX:
        small = _pack_first_fit(slot_widths, packed[-1], SMALL_INPUT_PX)
        if len(small) <= MAX_SMALL_INPUTS:
            packed[-1:] = small
    for lines in packed:
        used = sum(slot_widths[index] for index in lines) + SLOT_GAP_PX * (len(lines) - 1)
        yield next(width for width in INPUT_WIDTHS_PX if width >= used), lines


def _pack_first_fit(slot_widths: Sequence[int], lines: Sequence[int], input_width: int) -> list[list[int]]:
    """The lines of each input of that width; a line whose slot is wider has an input of its own."""
    packed: list[list[int]] = []
    free: list[int] = []
    for index in lines:
        needed = slot_widths[index] + SLOT_GAP_PX
        first = next((number for number, pixels in enumerate(free) if pixels >= needed), len(packed))
        if first == len(packed):
            packed.append([])
            free.append(input_width + SLOT_GAP_PX)
        packed[first].append(index)
        free[first] -= needed
        if len(packed[first]) == input_width // PX_PER_LINE:
            free[first] = 0
    return packed
