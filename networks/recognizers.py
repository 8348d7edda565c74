"""Recognizers that read lines as PP-OCR's do, without computing the padding behind short ones (docs/adr/0016, 0017).

All but three parts of PP-OCR's recognizers see only the neighbourhood of a column. Squeeze-and-excitation (Hu et al.
2018, https://arxiv.org/abs/1709.01507) takes means over the whole input, and attention, where there is any, mixes all
columns; convolutions reach over the edge of a line, where they see zeros. A line shorter than the network was trained
with counts as padded to that width: what the padding adds to means and attention hardly depends on the text, so it is a
constant per channel.

Packed lines, for OpenVINO, share one input, each read as if it were alone. Unpadded lines, for ONNX Runtime, to which a
new shape costs nothing, have an input of their own width. What the networks take besides is in networks.padding.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from networks import padding
from networks.graph import Graph, read_attribute
from networks.padding import CELL_PX, COLUMNS, LINE_SHARE, LINE_TO_COLUMN, MASK, MEAN_WEIGHTS, PADDING_SHARE
from ocr.recognizer import INPUT_HEIGHT_PX, TRAINED_WIDTH_PX

Array = NDArray[np.float32]


def pack_lines(graph: Graph, path: Path) -> None:
    """Make a recognizer that we know, read from `path`, read packed lines.

    It then takes what padding.describe_packed() returns besides the pixels, (1, 3, 48, W).
    """
    *means, column = padding.read_means(path)
    shapes = graph.infer_shapes([1, 3, INPUT_HEIGHT_PX, TRAINED_WIDTH_PX])
    graph.add_inputs(
        {MEAN_WEIGHTS: ["cells", "slots"], LINE_TO_COLUMN: ["slots", "cells"], PADDING_SHARE: [1, "slots"]}
    )
    _mask_gaps(graph, shapes)
    for pool, mean in zip(find_pools(graph), means, strict=True):
        _excite_each_line(graph, pool, mean, shapes[pool.input[0]][2])
    _add_columns(graph, len(column))


def unpad(graph: Graph, path: Path) -> None:
    """Make a recognizer that we know, read from `path`, read short lines without padding.

    It then takes what padding.describe_unpadded() returns besides the lines, (N, 3, 48, W).
    """
    *means, column = padding.read_means(path)
    graph.add_inputs({LINE_SHARE: [1]})
    for pool, mean in zip(find_pools(graph), means, strict=True):
        of_line, of_padding = pool.output[0], graph.add_constant(mean.reshape(1, -1, 1, 1))
        takers = graph.find_consumers(of_line)
        difference = graph.add("Mul", graph.add("Sub", of_line, of_padding), LINE_SHARE)
        graph.redirect(of_line, graph.add("Add", difference, of_padding), takers)
    _add_columns(graph, len(column))


def find_last_layer(graph: Graph) -> onnx.NodeProto:
    """The product that compares columns, (N, T, C), with all classes: what graph.cut() has to cut in front of."""
    return graph.nodes("MatMul")[-1]


def find_pools(graph: Graph) -> Sequence[onnx.NodeProto]:
    """The means over a whole feature map."""
    nodes = graph.nodes("GlobalAveragePool", "ReduceMean")
    return [node for node in nodes if node.op_type == "GlobalAveragePool" or read_attribute(node, "axes", []) == [2, 3]]


def find_attentions(graph: Graph) -> Sequence[onnx.NodeProto]:
    """What gives each column its share of attention, (1, heads, T, T); PP-OCRv6 tiny has none."""
    return graph.nodes("Softmax")[:-1]  # the last one makes probabilities


def find_tokens(graph: Graph) -> tuple[str, str]:
    """The columns as they enter the transformer, (1, T, C), and as they leave its last norm."""
    first, *_, last = (node for node in graph.nodes("ReduceMean") if read_attribute(node, "axes", []) == [-1])
    leaving = last.output[0]
    for kind in ("Add", "Sqrt", "Div", "Mul", "Add"):  # from the mean of squares to the norm
        leaving = graph.find_consumer(leaving, kind).output[0]
    return first.input[0], leaving


def _mask_gaps(graph: Graph, shapes: Mapping[str, Sequence[int]]) -> None:
    """Give zeros, where there is no line, to the depthwise convolutions by which a column sees its neighbours."""
    inside = graph.add(
        "Reshape", graph.add("ReduceMax", LINE_TO_COLUMN, axes=[0]), graph.add_constant(np.array([-1, 1]))
    )
    masks: dict[int, str] = {}  # by the width of the feature map
    for node in graph.nodes("Conv"):
        features = node.input[0]
        if (
            read_attribute(node, "group", 1) == 1 or shapes[node.output[0]][2] == 1
        ):  # over columns, not over a feature map
            continue
        width = shapes[features][3]
        if width not in masks:
            repeated = graph.add("Tile", inside, graph.add_constant(np.array([1, width * CELL_PX // TRAINED_WIDTH_PX])))
            masks[width] = graph.add("Reshape", repeated, graph.add_constant(np.array([1, 1, 1, -1])))
        graph.redirect(features, graph.add("Mul", features, masks[width]), [node])


def _excite_each_line(graph: Graph, pool: onnx.NodeProto, mean: Array, height: int) -> None:
    """Squeeze and excite with a mean for each line instead of one for all."""
    features = pool.input[0]
    flat, deep = (graph.add_constant(np.array(shape)) for shape in ([len(mean), -1], [1, len(mean), 1, -1]))
    # ReduceMean gives the same, but OpenVINO takes five times as long for it
    over_height = graph.add("AveragePool", features, kernel_shape=[height, 1])
    of_lines = graph.add("MatMul", graph.add("Reshape", over_height, flat), MEAN_WEIGHTS)
    of_padding = graph.add("Mul", graph.add_constant(mean.reshape(-1, 1)), PADDING_SHARE)
    graph.replace(pool.output[0], graph.add("Reshape", graph.add("Add", of_lines, of_padding), deep))
    excited = graph.find_consumer(features, "Mul")
    (gate,) = (value for value in excited.input if value != features)
    graph.redirect(gate, graph.add("MatMul", gate, LINE_TO_COLUMN), [excited])


def _add_columns(graph: Graph, channels: int) -> None:
    """Make attention, if there is any, see columns behind those of the lines: those of networks.padding."""
    attentions = find_attentions(graph)
    if not attentions:
        return
    graph.add_inputs({MASK: [None, "tokens"], COLUMNS: ["inputs", "slots", channels]})
    for node in attentions:
        graph.redirect(node.input[0], graph.add("Add", node.input[0], MASK), [node])
    first, last = find_tokens(graph)
    takers = graph.find_consumers(first), graph.find_consumers(last)
    zero, one, two = (graph.add_constant(np.array([place])) for place in range(3))
    columns = graph.add("Slice", graph.add("Shape", first), one, two)
    graph.redirect(first, graph.add("Concat", first, COLUMNS, axis=1), takers[0])
    graph.redirect(last, graph.add("Slice", last, zero, columns, one), takers[1])
