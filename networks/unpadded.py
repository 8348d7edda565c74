"""A recognizer's network for ONNX Runtime that reads a short line in an input of its own width, as if it were padded.

PP-OCR's recognizers were trained with inputs of 320 pixels, most of which is padding where a line is short. It tells
only through the means of squeeze-and-excitation and through attention, and what it adds there hardly depends on the
text: constants take its place, as in networks.packed_lines, so that it need not be computed (docs/adr/0017).
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

SHARE, MASK, PADDING = "share", "mask", "padding"  # the inputs besides that of the file


def rewrite(path: Path) -> onnx.ModelProto:
    """The network of a recognizer that we know; it takes what guides() gives besides the lines."""
    model = read(path)
    graph = Graph(model.graph)
    first, last = _tokens(graph)
    *means, column = padding.of(path)
    graph.add_inputs({SHARE: [1], MASK: ["columns and one"], PADDING: ["lines", 1, len(column)]})
    for pool, mean in zip(_pools(graph), means, strict=True):
        usual = graph.constant(mean.reshape(1, -1, 1, 1))
        graph.insert(pool, ("Sub", usual), ("Mul", SHARE), ("Add", usual))
    *attentions, _ = graph.nodes("Softmax")  # the last one makes probabilities
    for attention in attentions:
        graph.insert(attention.input[0], ("Add", MASK))
    graph.insert(last, ("Slice", *(graph.constant(np.array([value])) for value in (0, -1, 1))))
    graph.insert(first, ("Concat", PADDING), axis=1)
    return model


def split(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """A recognizer in two: from lines to columns, (N, T, C), and from columns to the probabilities of all classes."""
    return cut(model, [Graph(model.graph).nodes("MatMul")[-1].input[0]], rank=3)


def guides(path: Path, lines: int, width: int) -> dict[str, Array]:
    """What the network needs to know of a batch of `lines` lines in inputs of `width` pixels.

    The share of such an input in the means over one that is as wide as in training; what is added to attention, where
    behind the columns there is one more, the padding: as many columns at once as are missing; and that column.
    """
    missing = max(0, TRAINED_WIDTH_PX - width)
    mask = np.zeros(width // PX_PER_COLUMN + 1, dtype=np.float32)
    mask[-1] = math.log(missing / PX_PER_COLUMN) if missing else padding.NEVER
    return {
        SHARE: np.array([1 - missing / TRAINED_WIDTH_PX], dtype=np.float32),
        MASK: mask,
        PADDING: np.tile(padding.of(path)[-1], (lines, 1, 1)),
    }


def _pools(graph: Graph) -> Sequence[str]:
    """The means over a whole feature map."""
    nodes = graph.nodes("GlobalAveragePool", "ReduceMean")
    return [node.output[0] for node in nodes if node.op_type == "GlobalAveragePool" or _axes(node) == [2, 3]]


def _tokens(graph: Graph) -> tuple[str, str]:
    """The columns as they enter the transformer, (N, T, C), and as they leave its last norm."""
    first, *_, last = (node for node in graph.nodes("ReduceMean") if _axes(node) == [-1])
    leaving, takers = last.output[0], graph.takers()
    for kind in ("Add", "Sqrt", "Div", "Mul", "Add"):  # mean of squares to norm
        leaving = next(node.output[0] for node in takers[leaving] if node.op_type == kind)
    return graph.origin(first.input[0]), leaving


def _axes(node: onnx.NodeProto) -> Sequence[int]:
    return next((value.ints for value in node.attribute if value.name == "axes"), ())
