"""A recognizer's network for ONNX Runtime that reads a short line in an input of its own width, as if it were padded.

PP-OCR's recognizers were trained with inputs of 320 pixels, most of which is padding where a line is short. It tells
only through the means of squeeze-and-excitation and through attention, and what it adds there hardly depends on the
text: constants take its place, as in runners.rows, so that it need not be computed (docs/adr/0017).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.utils import Extractor

from ocr.recognizer import STEP, TRAINED_WIDTH
from runners import padding

Array = NDArray[np.float32]

SHARE, MASK, PADDING = "share", "mask", "padding"  # the inputs besides that of the file


def rewrite(path: Path) -> onnx.ModelProto:
    """The network of a recognizer that we know; it takes what guides() gives besides the lines."""
    model = onnx.load(path)
    del model.graph.value_info[:]  # shapes as they were
    graph = _Graph(model.graph)
    first, last = graph.tokens()
    *means, column = padding.of(path)
    graph.add_inputs({SHARE: [1], MASK: ["columns and one"], PADDING: ["lines", 1, len(column)]})
    for pool, mean in zip(graph.pools(), means, strict=True):
        usual = graph.constant(mean.reshape(1, -1, 1, 1))
        graph.insert(pool, ("Sub", usual), ("Mul", SHARE), ("Add", usual))
    for attention in graph.attentions():
        graph.insert(attention, ("Add", MASK))
    graph.insert(last, ("Slice", *(graph.constant(np.array([value])) for value in (0, -1, 1))))
    graph.insert(first, ("Concat", PADDING), axis=1)
    return model


def split(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """A recognizer in two: from lines to columns, (N, T, C), and from columns to the probabilities of all classes."""
    columns = next(node for node in reversed(model.graph.node) if node.op_type == "MatMul").input[0]
    given, answers = ([value.name for value in values] for values in (model.graph.input, model.graph.output))
    model.graph.value_info.append(helper.make_tensor_value_info(columns, onnx.TensorProto.FLOAT, [None] * 3))
    parts = Extractor(model)
    return parts.extract_model(given, [columns]), parts.extract_model([columns], answers)


def guides(path: Path, lines: int, width: int) -> dict[str, Array]:
    """What the network needs to know of a batch of `lines` lines in inputs of `width` pixels.

    The share of such an input in the means over one that is as wide as in training; what is added to attention, where
    behind the columns there is one more, the padding: as many columns at once as are missing; and that column.
    """
    missing = max(0, TRAINED_WIDTH - width)
    mask = np.zeros(width // STEP + 1, dtype=np.float32)
    mask[-1] = math.log(missing / STEP) if missing else padding.NEVER
    return {
        SHARE: np.array([1 - missing / TRAINED_WIDTH], dtype=np.float32),
        MASK: mask,
        PADDING: np.tile(padding.of(path)[-1], (lines, 1, 1)),
    }


class _Graph:
    """A network to be changed."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._copied = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}

    def constant(self, value: NDArray[np.generic]) -> str:
        """The name of a new constant."""
        name = f"narrow.constant.{len(self._graph.initializer)}"
        self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def add_inputs(self, shapes: Mapping[str, Sequence[int | str]]) -> None:
        """Further inputs of floats."""
        for name, shape in shapes.items():
            self._graph.input.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))

    def insert(self, value: str, *operations: tuple[str, *tuple[str, ...]], **attributes: Any) -> None:
        """Have those who take `value` take what operations on it give, each with its further inputs."""
        takers = [node for node in self._graph.node if value in node.input]
        place = list(self._graph.node).index(self._giver(value)) + 1
        given = value
        for kind, *others in operations:
            node = helper.make_node(kind, [given, *others], [f"{given}.{kind}"], **attributes)
            given = node.output[0]
            self._graph.node.insert(place, node)
            place += 1
        for node in takers:
            node.input[:] = [given if name == value else name for name in node.input]

    def pools(self) -> Sequence[str]:
        """The means over a whole feature map."""
        nodes = [node for node in self._graph.node if node.op_type == "GlobalAveragePool" or _axes(node) == [2, 3]]
        return [node.output[0] for node in nodes]

    def tokens(self) -> tuple[str, str]:
        """The columns as they enter the transformer, (N, T, C), and as they leave its last norm."""
        first, *_, last = (node for node in self._graph.node if _axes(node) == [-1])
        leaving = last.output[0]
        for kind in ("Add", "Sqrt", "Div", "Mul", "Add"):  # mean of squares to norm
            leaving = self._taker(leaving, kind).output[0]
        return self._origin(first.input[0]), leaving

    def attentions(self) -> Sequence[str]:
        """What the softmax of each attention is given, (N, heads, T, T)."""
        *attentions, _ = (node.input[0] for node in self._graph.node if node.op_type == "Softmax")
        return attentions

    def _giver(self, value: str) -> onnx.NodeProto:
        giver: onnx.NodeProto = next(node for node in self._graph.node if value in node.output)
        return giver

    def _origin(self, value: str) -> str:
        """What a value is a copy of."""
        while value in self._copied:
            value = self._copied[value]
        return value

    def _taker(self, value: str, kind: str) -> onnx.NodeProto:
        """The operation of a kind that takes a value or a copy of it."""
        nodes = (node for node in self._graph.node if node.op_type == kind)
        taker: onnx.NodeProto = next(node for node in nodes if value in map(self._origin, node.input))
        return taker


def _axes(node: onnx.NodeProto) -> Sequence[int]:
    return next((value.ints for value in node.attribute if value.name == "axes" and node.op_type == "ReduceMean"), ())
