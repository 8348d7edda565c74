"""What the recognizers that we know take besides the pixels: where lines are, and what padding would add to them.

fitted/padding.json holds the mean per channel in the padding: of each feature map whose mean the network takes, and of
the columns that enter the transformer. networks.recognizers has what becomes of all this.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from networks import fitted_values
from ocr.line_packing import PX_PER_LINE
from ocr.recognizer import PX_PER_COLUMN, TRAINED_WIDTH_PX

Array = NDArray[np.float32]

MEAN_WEIGHTS, LINE_TO_COLUMN, PADDING_SHARE = "mean weights", "line to column", "padding share"
"""The further inputs of a network for packed lines,"""
LINE_SHARE = "line share"
"""of one for unpadded lines,"""
MASK, COLUMNS = "attention mask", "padding columns"
"""and of both if they have attention."""

CELL_PX = 4  # of the input, per column of the feature maps whose means are taken
MASKED_LOGIT = -1e4
"""Added to a logit of attention, it leaves no attention after softmax."""


def is_known(path: Path) -> bool:
    """Whether the model in this file is one of them."""
    return fitted_values.find("padding", path) is not None


@cache
def read_means(path: Path) -> Sequence[Array]:
    """The means of a known model, (C,) each: of its feature maps in their order, then of the columns.

    The latter are none, (0,), if the model has no attention.
    """
    return [np.array(values, dtype=np.float32) for values in fitted_values.find("padding", path)]


def describe_packed(path: Path, lines: Sequence[slice], width: int) -> Mapping[str, Array]:
    """What the network must know about packed lines, given as the pixels of each, in an input `width` pixels wide.

    For S slots, C cells of 4 pixels and T columns of 8: the weight of each cell in the mean of each line, (C, S); the
    line-to-column map, 1 where a cell belongs to a line, (S, C); the padding share of each line's mean, (1, S); the
    mask that is added to attention, (T + S, T + S). Behind the T columns there is one for the padding of each line; the
    log padding count makes it weigh as much as all the columns that the line lacks.
    """
    slots, columns = width // PX_PER_LINE, width // PX_PER_COLUMN
    line_to_column = np.zeros((slots, width // CELL_PX), dtype=np.float32)
    padding_share = np.zeros((1, slots), dtype=np.float32)
    line_of = np.full(columns + slots, -1)
    log_padding_count = np.full(columns + slots, MASKED_LOGIT, dtype=np.float32)
    log_padding_count[:columns] = 0
    for index, line in enumerate(lines):
        line_to_column[index, line.start // CELL_PX : line.stop // CELL_PX] = 1
        line_of[line.start // PX_PER_COLUMN : line.stop // PX_PER_COLUMN] = index
        line_of[columns + index] = index
        missing_px = TRAINED_WIDTH_PX - (line.stop - line.start)
        if missing_px > 0:
            padding_share[..., index] = missing_px / TRAINED_WIDTH_PX
            log_padding_count[columns + index] = math.log(missing_px / PX_PER_COLUMN)
    mean_weights = line_to_column.T / np.maximum(line_to_column.sum(axis=1), TRAINED_WIDTH_PX / CELL_PX)
    described = {MEAN_WEIGHTS: mean_weights, LINE_TO_COLUMN: line_to_column, PADDING_SHARE: padding_share}
    mask = np.where(line_of == line_of[:, np.newaxis], log_padding_count, np.float32(MASKED_LOGIT))
    return {**described, **_describe_columns(path, (1, slots), mask)}


def describe_unpadded(path: Path, lines: int, width: int) -> Mapping[str, Array]:
    """The further inputs of the network, by name, for a batch of `lines` lines in inputs of `width` pixels.

    The share of the line in means over an input as wide as in training; the mask that is added to attention, where
    behind the columns there is one more for the padding; and that column. The log padding count in the mask makes it
    weigh as much as all the columns that are missing.
    """
    missing_px = max(0, TRAINED_WIDTH_PX - width)
    share = {LINE_SHARE: np.array([1 - missing_px / TRAINED_WIDTH_PX], dtype=np.float32)}
    mask = np.zeros((1, width // PX_PER_COLUMN + 1), dtype=np.float32)
    mask[:, -1] = math.log(missing_px / PX_PER_COLUMN) if missing_px else MASKED_LOGIT
    return {**share, **_describe_columns(path, (lines, 1), mask)}


def _describe_columns(path: Path, count: tuple[int, int], mask: Array) -> Mapping[str, Array]:
    """What a network with attention takes: columns of padding, (inputs, S, C) for a `count` of inputs and S; a mask.

    The mask, (T + S, T + S) or (1, T + S), is added to what T columns and those of padding think of each other.
    """
    column = read_means(path)[-1]
    return {MASK: mask, COLUMNS: np.tile(column, (*count, 1))} if column.size else {}
