"""Unpadded lines: a recognizer's network for ONNX Runtime that reads a short line in an input of its own width.

PP-OCR's recognizers were trained with inputs of 320 pixels, most of which is padding where a line is short. The padding
changes the answer only through the means of squeeze-and-excitation and through attention, and what it adds there hardly
depends on the text: so it is not computed, and constants stand for it as in networks.packed_lines (docs/adr/0017).
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from networks import padding
from networks.graph import Graph, cut, read
from ocr.recognizer import PX_PER_COLUMN, TRAINED_WIDTH_PX

Array = NDArray[np.float32]

LINE_SHARE, ATTENTION_MASK, PADDING_COLUMN = "line share", "attention mask", "padding column"
"""The inputs besides that of the file."""


def rewrite(path: Path) -> onnx.ModelProto:
    """The network of a recognizer that we know; it takes what describe_padding() returns besides the lines."""
    model = read(path)
    graph = Graph(model.graph)
    *means, column = padding.read_means(path)
    graph.add_inputs({LINE_SHARE: [1]})
    for pool, mean in zip(_find_pools(graph), means, strict=True):
        of_padding = graph.add_constant(mean.reshape(1, -1, 1, 1))
        graph.insert(pool, ("Sub", of_padding), ("Mul", LINE_SHARE), ("Add", of_padding))
    *attentions, _ = graph.nodes("Softmax")  # the last one makes probabilities
    if not attentions:
        return model
    first, last = _find_tokens(graph)
    graph.add_inputs({ATTENTION_MASK: ["columns and one"], PADDING_COLUMN: ["lines", 1, len(column)]})
    for attention in attentions:
        graph.insert(attention.input[0], ("Add", ATTENTION_MASK))
    graph.insert(last, ("Slice", *(graph.add_constant(np.array([value])) for value in (0, -1, 1))))
    graph.insert(first, ("Concat", PADDING_COLUMN), axis=1)
    return model


def split_last_layer(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """A recognizer in two: from lines to columns, (N, T, C), and from columns to the probabilities of all classes."""
    return cut(model, [Graph(model.graph).nodes("MatMul")[-1].input[0]], rank=3)


def describe_padding(path: Path, lines: int, width: int) -> dict[str, Array]:
    """The further inputs of the network, by name, for a batch of `lines` lines in inputs of `width` pixels.

    The share of the line in means over an input as wide as in training; the mask that is added to attention, where
    behind the columns there is one more for the padding; and that column. The log padding count in the mask makes it
    weigh as much as all the columns that are missing.
    """
    missing_px = max(0, TRAINED_WIDTH_PX - width)
    share = {LINE_SHARE: np.array([1 - missing_px / TRAINED_WIDTH_PX], dtype=np.float32)}
    column = padding.read_means(path)[-1]
    if not column.size:
        return share
    mask = np.zeros(width // PX_PER_COLUMN + 1, dtype=np.float32)
    mask[-1] = math.log(missing_px / PX_PER_COLUMN) if missing_px else padding.MASKED_LOGIT
    return share | {ATTENTION_MASK: mask, PADDING_COLUMN: np.tile(column, (lines, 1, 1))}


def _find_pools(graph: Graph) -> Sequence[str]:
    """The means over a whole feature map."""
    nodes = graph.nodes("GlobalAveragePool", "ReduceMean")
    return [node.output[0] for node in nodes if node.op_type == "GlobalAveragePool" or _read_axes(node) == [2, 3]]


def _find_tokens(graph: Graph) -> tuple[str, str]:
    """The columns as they enter the transformer, (N, T, C), and as they leave its last norm."""
    first, *_, last = (node for node in graph.nodes("ReduceMean") if _read_axes(node) == [-1])
    leaving, consumers = last.output[0], graph.find_consumers()
    for kind in ("Add", "Sqrt", "Div", "Mul", "Add"):  # from the mean of squares to the norm
        leaving = next(node.output[0] for node in consumers[leaving] if node.op_type == kind)
    return graph.origin(first.input[0]), leaving


def _read_axes(node: onnx.NodeProto) -> Sequence[int]:
    return next((value.ints for value in node.attribute if value.name == "axes"), ())
