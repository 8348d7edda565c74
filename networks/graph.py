"""Networks in ONNX files, to be changed before ONNX Runtime loads them."""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.utils import Extractor

_NUMBERS = itertools.count()  # for names, which must differ even when two parts of a network are joined


class Graph:
    """A network whose values are referred to by name."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._copied = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}

    def nodes(self, *kinds: str) -> Sequence[onnx.NodeProto]:
        """All operations of some kinds, in their order."""
        return [node for node in self._graph.node if node.op_type in kinds]

    def find_consumers(self) -> Mapping[str, Sequence[onnx.NodeProto]]:
        """By value, the operations that take it or a copy of it; a copy (Identity) itself does not count."""
        found: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self._graph.node:
            if node.op_type != "Identity":
                for value in {self.origin(name) for name in node.input}:
                    found[value].append(node)
        return found

    def origin(self, value: str) -> str:
        """The value that a value is a copy of."""
        while value in self._copied:
            value = self._copied[value]
        return value

    def is_output(self, value: str) -> bool:
        """Whether a value or a copy of it is an output of the network."""
        return value in (self.origin(output.name) for output in self._graph.output)

    def read_constant(self, value: str) -> NDArray[np.float32]:
        """The numbers of a constant; raises ValueError if the value is none."""
        for known in self._graph.initializer:
            if known.name == self.origin(value):
                return np.asarray(numpy_helper.to_array(known), dtype=np.float32)
        raise ValueError("not a constant")

    def add_constant(self, value: NDArray[np.generic] | np.generic) -> str:
        """Add a constant; returns its name."""
        name = f"constant of ours.{next(_NUMBERS)}"
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add_inputs(self, shapes: Mapping[str, Sequence[int | str]]) -> None:
        """Add inputs of floats, by name."""
        for name, shape in shapes.items():
            self._graph.input.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation at the end; returns the name of its output."""
        name = f"{kind} of ours.{next(_NUMBERS)}"
        self._graph.node.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def insert(self, value: str, *operations: tuple[str, *tuple[str, ...]], **attributes: Any) -> None:
        """Insert a chain of operations, each a kind and its further inputs, between a value and its consumers."""
        consumers = [node for node in self._graph.node if value in node.input]
        producer = next(node for node in self._graph.node if value in node.output)
        last = value
        for place, (kind, *others) in enumerate(operations, list(self._graph.node).index(producer) + 1):
            node = helper.make_node(kind, [last, *others], [f"{last}.{kind}"], **attributes)
            last = node.output[0]
            self._graph.node.insert(place, node)
        for node in consumers:
            node.input[:] = [last if name == value else name for name in node.input]


def read(path: Path) -> onnx.ModelProto:
    """The model in a file, without the shapes that its values had when it was written."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    return model


def cut(model: onnx.ModelProto, values: Sequence[str], *, rank: int) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """A model in two: from its inputs to some values with `rank` dimensions, and from these to its outputs."""
    inputs, outputs = ([value.name for value in values] for values in (model.graph.input, model.graph.output))
    for value in values:
        model.graph.value_info.append(helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, [None] * rank))
    parts = Extractor(model)
    return parts.extract_model(inputs, list(values)), parts.extract_model(list(values), outputs)
