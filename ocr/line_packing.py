"""Lines side by side in one input of a network that reads each as if it were alone."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ocr.recognizer import BEHIND, HEIGHT, STEP, decode, fitted, line_width
from ocr.types import Pixels

BETWEEN = 8  # pixels that belong to no line: as far as the network's convolutions reach, and it is blind to them
SMALL, FULL = 320, 2560
WIDTHS = (SMALL, FULL)
"""Widths of a row in pixels: few, because preparing the engine for one takes memory and a third of a second."""

NARROW = 80  # pixels; a row has a place for a line for each of these
SMALLER = 6  # rows of SMALL take less time than one of FULL

RowNetwork = Callable[[NDArray[np.float32], Sequence[slice]], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""One pass of a recognizer's network over a row, (1, 3, 48, one of WIDTHS) in -1..1, BGR, and the pixels that each of
its lines has, at most a line per NARROW: the most probable class and its probability (0..1) of every column, both
(T,). Safe to call from several threads at once."""


class PackedLineRecognizer:
    """Reads the text of cut-out lines; class 0 of `network` is CTC's blank, class i is charset[i - 1]."""

    def __init__(self, network: RowNetwork, charset: Sequence[str]) -> None:
        self._network = network
        self._charset = charset

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        texts = [("", 0.0)] * len(crops)
        rooms = [_room(line_width(crop)) for crop in crops]
        for pixels, members in rows(rooms):
            row = np.zeros((1, 3, HEIGHT, pixels), dtype=np.float32)
            lines = []
            start = 0
            for index in members:
                width = min(line_width(crops[index]), rooms[index] - BEHIND)
                row[0, :, :, start : start + width] = fitted(crops[index], width)
                lines.append(slice(start, start + rooms[index]))
                start += rooms[index] + BETWEEN
            best, probability = self._network(row, lines)
            for index, line in zip(members, lines, strict=True):
                steps = slice(line.start // STEP, line.stop // STEP)
                texts[index] = decode(self._charset, best[steps], probability[steps])
        return texts


def _room(line: int) -> int:
    """The pixels of a row that a line of `line` pixels has; one that is longer than a row is squeezed."""
    return min(math.ceil((line + BEHIND) / STEP) * STEP, FULL)


def rows(rooms: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """The width of each row, and which lines it has, for lines that have these pixels: first fit, the widest first."""
    packed = _packed(rooms, sorted(range(len(rooms)), key=lambda index: -rooms[index]), FULL)
    if packed and rooms[packed[-1][0]] <= SMALL and len(smaller := _packed(rooms, packed[-1], SMALL)) <= SMALLER:
        packed[-1:] = smaller
    for row in packed:
        used = sum(rooms[index] for index in row) + BETWEEN * (len(row) - 1)
        yield next(width for width in WIDTHS if width >= used), row


def _packed(rooms: Sequence[int], lines: Sequence[int], width: int) -> list[list[int]]:
    """Rows of lines; one that is wider than `width` has its own."""
    packed: list[list[int]] = []
    free: list[int] = []
    for index in lines:
        needed = rooms[index] + BETWEEN
        place = next((row for row, pixels in enumerate(free) if pixels >= needed), len(packed))
        if place == len(packed):
            packed.append([])
            free.append(width + BETWEEN)
        packed[place].append(index)
        free[place] -= needed
        if len(packed[place]) == width // NARROW:
            free[place] = 0
    return packed
