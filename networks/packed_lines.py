"""Packed lines: a recognizer's network for OpenVINO that reads several lines in one input, each as if it were alone.

All but three parts of PP-OCR's recognizers see only the neighbourhood of a column. Squeeze-and-excitation (Hu et al.
2018, https://arxiv.org/abs/1709.01507) takes means over the whole input: here over the columns of a line. Attention,
where there is any, mixes all columns: here those of a line. Convolutions reach over the edge of a line, where they saw
zeros: here they do too. A line shorter than the network was trained with counts as padded to that width: what the
padding adds to means and attention hardly depends on the text, so it is a constant per channel (docs/adr/0016).
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13 as ops

from networks import padding
from networks.openvino_rewrites import Array, origin, redirect
from ocr.line_packing import PX_PER_LINE
from ocr.recognizer import INPUT_HEIGHT_PX, PX_PER_COLUMN, TRAINED_WIDTH_PX

CELL_PX = 4  # of the input, per column of the feature maps whose means are taken


def rewrite(model: openvino.Model, path: Path, width: int) -> None:
    """Make a recognizer that we know, read from `path`, read packed lines in an input `width` pixels wide.

    It then takes the pixels, (1, 3, 48, width), and what make_line_masks() returns.
    """
    model.reshape([1, 3, INPUT_HEIGHT_PX, width])
    *means, column = padding.read_means(path)  # there is no column without attention
    slots, columns, cells = width // PX_PER_LINE, width // PX_PER_COLUMN, width // CELL_PX
    mean_weights, line_to_column, padding_share, attention_mask = (
        ops.parameter(shape, np.float32)
        for shape in ([cells, slots], [slots, cells], [1, 1, slots], [1, 1, columns + slots, columns + slots])
    )
    model.add_parameters([mean_weights, line_to_column, padding_share, attention_mask])
    _mask_gaps(model, line_to_column)
    for node, mean in zip(find_pools(model), means, strict=True):
        features = node.input_value(0)
        height = features.get_partial_shape()[2].get_length()
        # reduce_mean() gives the same in five times as long; a product of four axes is computed channel by channel
        over_height = ops.avg_pool(features, [1, 1], [0, 0], [0, 0], [height, 1], exclude_pad=False)
        of_lines = ops.matmul(ops.squeeze(over_height, np.array([2])), mean_weights, False, False)
        of_padding = ops.multiply(ops.constant(mean.reshape(1, -1, 1)), padding_share)
        _excite_each_line(node, ops.unsqueeze(ops.add(of_lines, of_padding), np.array([2])), line_to_column)
    attentions = find_attentions(model)
    if attentions:
        first, last = find_tokens(model)
        padding_columns = ops.constant(np.tile(column, (1, slots, 1)))
        redirect(first.get_target_inputs(), ops.concat([first, padding_columns], 1))
        cut = [np.array([value]) for value in (0, columns, 1, 1)]
        redirect(last.get_target_inputs(), ops.slice(last, *cut))
        model.validate_nodes_and_infer_types()
    for node in attentions:
        node.input(0).replace_source_output(ops.add(node.input_value(0), attention_mask).output(0))


def make_line_masks(lines: Sequence[slice], width: int) -> tuple[Array, Array, Array, Array]:
    """What the network must know about packed lines, given as the pixels of each, in an input `width` pixels wide.

    For S slots, C cells of 4 pixels and T columns of 8: the weight of each cell in the mean of each line, (C, S); the
    line-to-column map, 1 where a cell belongs to a line, (S, C); the padding share of each line's mean, (1, 1, S); the
    mask that is added to attention, (1, 1, T + S, T + S). Behind the T columns there is one for the padding of each
    line; the log padding count makes it weigh as much as all the columns that the line lacks.
    """
    slots, columns = width // PX_PER_LINE, width // PX_PER_COLUMN
    line_to_column = np.zeros((slots, width // CELL_PX), dtype=np.float32)
    padding_share = np.zeros((1, 1, slots), dtype=np.float32)
    line_of = np.full(columns + slots, -1)
    log_padding_count = np.full(columns + slots, padding.MASKED_LOGIT, dtype=np.float32)
    log_padding_count[:columns] = 0
    for index, line in enumerate(lines):
        line_to_column[index, line.start // CELL_PX : line.stop // CELL_PX] = 1
        line_of[line.start // PX_PER_COLUMN : line.stop // PX_PER_COLUMN] = index
        line_of[columns + index] = index
        missing_px = TRAINED_WIDTH_PX - (line.stop - line.start)
        if missing_px > 0:
            padding_share[..., index] = missing_px / TRAINED_WIDTH_PX
            log_padding_count[columns + index] = math.log(missing_px / PX_PER_COLUMN)
    attention_mask = np.where(line_of == line_of[:, np.newaxis], log_padding_count, np.float32(padding.MASKED_LOGIT))
    mean_weights = line_to_column.T / np.maximum(line_to_column.sum(axis=1), TRAINED_WIDTH_PX / CELL_PX)
    return mean_weights, line_to_column, padding_share, attention_mask[np.newaxis, np.newaxis]


def find_pools(model: openvino.Model) -> Sequence[openvino.Node]:
    """The means over a whole feature map."""
    return _find_nodes(model, "ReduceMean", rank=4)


def find_attentions(model: openvino.Model) -> Sequence[openvino.Node]:
    """What gives each column its share of attention, (1, heads, T, T); PP-OCRv6 tiny has none."""
    return _find_nodes(model, "Softmax", rank=4)


def find_tokens(model: openvino.Model) -> tuple[openvino.Output, openvino.Output]:
    """The columns as they enter the transformer, (1, T, C), and as they leave its last norm."""
    first, *_, last = _find_nodes(model, "ReduceMean", rank=3)
    for _ in ("Add", "Sqrt", "Divide", "Multiply", "Add"):  # from the mean of squares to the norm
        last = _find_only_user(last)
    return origin(first.input_value(0)), last.output(0)


def _find_nodes(model: openvino.Model, kind: str, *, rank: int) -> Sequence[openvino.Node]:
    nodes = (node for node in model.get_ordered_ops() if node.get_type_name() == kind)
    return [node for node in nodes if node.get_output_partial_shape(0).rank.get_length() == rank]


def _mask_gaps(model: openvino.Model, line_to_column: openvino.Node) -> None:
    """Give zeros, where there is no line, to the depthwise convolutions by which a column sees its neighbours."""
    cells = line_to_column.get_output_partial_shape(0)[1].get_length()
    inside = ops.reshape(ops.reduce_max(line_to_column, np.array([0])), np.array([cells, 1]), special_zero=False)
    masks: dict[int, openvino.Node] = {}  # by the width of the feature map
    for node in _find_nodes(model, "GroupConvolution", rank=4):
        features = node.input_value(0)
        if node.get_output_partial_shape(0)[2].get_length() == 1:  # over columns, not over a feature map
            continue
        width = features.get_partial_shape()[3].get_length()
        if width not in masks:
            repeated = ops.broadcast(inside, np.array([cells, width // cells]))
            masks[width] = ops.reshape(repeated, np.array([1, 1, 1, width]), special_zero=False)
        node.input(0).replace_source_output(ops.multiply(features, masks[width]).output(0))


def _excite_each_line(pool: openvino.Node, means: openvino.Node, line_to_column: openvino.Node) -> None:
    """Squeeze and excite with a mean for each line instead of one for all."""
    features = pool.input_value(0).get_node().get_friendly_name()
    redirect(pool.output(0).get_target_inputs(), means)
    node = _find_only_user(means)
    while features not in [value.get_node().get_friendly_name() for value in node.input_values()]:
        node.validate_and_infer_types()
        gate, node = node, _find_only_user(node)
    excited = gate.output(0).get_target_inputs()
    redirect(excited, ops.matmul(gate, line_to_column, transpose_a=False, transpose_b=False))


def _find_only_user(node: openvino.Node) -> openvino.Node:
    nodes = [target.get_node() for target in node.output(0).get_target_inputs()]
    (user,) = (node for node in nodes if node.get_type_name() != "ShapeOf")
    return user
