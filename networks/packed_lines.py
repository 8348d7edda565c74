"""A recognizer's network for OpenVINO that reads lines side by side in one row, each as if it were alone.

All but three parts of PP-OCR's recognizers see only the neighbourhood of a column. Squeeze-and-excitation (Hu et al.
2018, https://arxiv.org/abs/1709.01507) takes means over the whole input: here over the columns of a line. Attention
mixes all columns: here those of a line. Convolutions reach over the edge of a line, where they saw zeros: here they do
too. A line shorter than the network was trained with counts as padded to that width: what the padding adds to means
and attention hardly depends on the text, so it is a constant per channel (docs/adr/0016).
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13 as ops

from networks import padding
from networks.openvino_rewrites import Array, origin, redirect
from ocr.line_packing import PX_PER_LINE
from ocr.recognizer import INPUT_HEIGHT_PX, PX_PER_COLUMN, TRAINED_WIDTH_PX

CELL = 4  # pixels per column of the feature maps whose means are taken


def rewrite(model: openvino.Model, path: Path, width: int) -> None:
    """Have a recognizer that we know, read from `path`, read rows of `width` pixels.

    It then takes the pixels, (1, 3, 48, width), and what guides() gives.
    """
    model.reshape([1, 3, INPUT_HEIGHT_PX, width])
    *means, column = padding.of(path)
    lines, columns, cells = width // PX_PER_LINE, width // PX_PER_COLUMN, width // CELL
    shares, spread, rest, mask = (
        ops.parameter(shape, np.float32)
        for shape in ([cells, lines], [lines, cells], [1, 1, lines], [1, 1, columns + lines, columns + lines])
    )
    model.add_parameters([shares, spread, rest, mask])
    _blind(depthwise(model), spread)
    for node, mean in zip(pools(model), means, strict=True):
        features = node.input_value(0)
        height = features.get_partial_shape()[2].get_length()
        # reduce_mean() is the same and takes five times as long; a product of four axes is one for each channel
        over_height = ops.avg_pool(features, [1, 1], [0, 0], [0, 0], [height, 1], exclude_pad=False)
        of_lines = ops.matmul(ops.squeeze(over_height, np.array([2])), shares, transpose_a=False, transpose_b=False)
        blank = ops.multiply(ops.constant(mean.reshape(1, -1, 1)), rest)
        _excite(node, ops.unsqueeze(ops.add(of_lines, blank), np.array([2])), spread)
    first, last = tokens(model)
    padding_columns = ops.constant(np.tile(column, (1, lines, 1)))
    redirect(first.get_target_inputs(), ops.concat([first, padding_columns], 1))
    cut = [np.array([value]) for value in (0, columns, 1, 1)]
    redirect(last.get_target_inputs(), ops.slice(last, *cut))
    model.validate_nodes_and_infer_types()
    for node in attentions(model):
        node.input(0).replace_source_output(ops.add(node.input_value(0), mask).output(0))


def guides(lines: Sequence[slice], width: int) -> tuple[Array, Array, Array, Array]:
    """What a network of rows of `width` pixels needs to know of the lines, given as the pixels that each has.

    The share of each column in the mean of each line; which line a column is given the excitation of; the share of the
    padding in each line's mean; what is added to attention, where behind the columns there is one more for each line,
    its padding: as many columns at once as the line lacks.
    """
    most, columns = width // PX_PER_LINE, width // PX_PER_COLUMN
    spread = np.zeros((most, width // CELL), dtype=np.float32)
    rest = np.zeros((1, 1, most), dtype=np.float32)
    line_of = np.full(columns + most, -1)
    lacking = np.full(columns + most, padding.NEVER, dtype=np.float32)
    lacking[:columns] = 0
    for index, line in enumerate(lines):
        spread[index, line.start // CELL : line.stop // CELL] = 1
        line_of[line.start // PX_PER_COLUMN : line.stop // PX_PER_COLUMN] = index
        line_of[columns + index] = index
        missing = TRAINED_WIDTH_PX - (line.stop - line.start)
        if missing > 0:
            rest[..., index] = missing / TRAINED_WIDTH_PX
            lacking[columns + index] = math.log(missing / PX_PER_COLUMN)
    mask = np.where(line_of == line_of[:, np.newaxis], lacking, np.float32(padding.NEVER))
    shares = spread.T / np.maximum(spread.sum(axis=1), TRAINED_WIDTH_PX / CELL)
    return shares, spread, rest, mask[np.newaxis, np.newaxis]


def pools(model: openvino.Model) -> Sequence[openvino.Node]:
    """The means over a whole feature map."""
    return [node for node in _means(model) if node.get_output_partial_shape(0).rank.get_length() == 4]


def tokens(model: openvino.Model) -> tuple[openvino.Output, openvino.Output]:
    """The columns as they enter the transformer, (1, T, C), and as they leave its last norm."""
    first, *_, last = (node for node in _means(model) if node.get_output_partial_shape(0).rank.get_length() == 3)
    for _ in ("Add", "Sqrt", "Divide", "Multiply", "Add"):  # mean of squares to norm
        last = _only_user(last)
    return origin(first.input_value(0)), last.output(0)


def attentions(model: openvino.Model) -> Sequence[openvino.Node]:
    """The softmax of each attention, (1, heads, T, T)."""
    nodes = (node for node in model.get_ordered_ops() if node.get_type_name() == "Softmax")
    return [node for node in nodes if node.get_output_partial_shape(0).rank.get_length() == 4]


def depthwise(model: openvino.Model) -> Sequence[openvino.Node]:
    """The depthwise convolutions over feature maps, by which a column sees its neighbours."""
    nodes = (node for node in model.get_ordered_ops() if node.get_type_name() == "GroupConvolution")
    return [node for node in nodes if node.get_output_partial_shape(0)[2].get_length() > 1]


def _means(model: openvino.Model) -> Iterable[openvino.Node]:
    return (node for node in model.get_ordered_ops() if node.get_type_name() == "ReduceMean")


def _blind(convolutions: Iterable[openvino.Node], spread: openvino.Node) -> None:
    """Give convolutions zeros where there is no line."""
    cells = spread.get_output_partial_shape(0)[1].get_length()
    inside = ops.reshape(ops.reduce_max(spread, np.array([0])), np.array([cells, 1]), special_zero=False)
    masks: dict[int, openvino.Node] = {}  # by the width of the feature map
    for node in convolutions:
        given = node.input_value(0)
        width = given.get_partial_shape()[3].get_length()
        if width not in masks:
            repeated = ops.broadcast(inside, np.array([cells, width // cells]))
            masks[width] = ops.reshape(repeated, np.array([1, 1, 1, width]), special_zero=False)
        node.input(0).replace_source_output(ops.multiply(given, masks[width]).output(0))


def _excite(pool: openvino.Node, means: openvino.Node, spread: openvino.Node) -> None:
    """Squeeze and excite with a mean for each line in place of one."""
    features = pool.input_value(0).get_node().get_friendly_name()
    redirect(pool.output(0).get_target_inputs(), means)
    node = _only_user(means)
    while features not in [value.get_node().get_friendly_name() for value in node.input_values()]:
        node.validate_and_infer_types()
        gate, node = node, _only_user(node)
    excited = gate.output(0).get_target_inputs()
    redirect(excited, ops.matmul(gate, spread, transpose_a=False, transpose_b=False))


def _only_user(node: openvino.Node) -> openvino.Node:
    nodes = [target.get_node() for target in node.output(0).get_target_inputs()]
    (user,) = (node for node in nodes if node.get_type_name() != "ShapeOf")
    return user
