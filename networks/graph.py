"""Networks of ONNX files, to be changed before ONNX Runtime loads them."""

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

_NUMBERS = itertools.count()  # in names, so that no two are alike in whatever the parts of a network become part of


class Graph:
    """A network; its values are known by their names."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._copied = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}

    def nodes(self, *kinds: str) -> Sequence[onnx.NodeProto]:
        """All operations of some kinds, in their order."""
        return [node for node in self._graph.node if node.op_type in kinds]

    def takers(self) -> Mapping[str, Sequence[onnx.NodeProto]]:
        """By value, the operations, but copying, that take it or a copy of it."""
        found: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self._graph.node:
            if node.op_type != "Identity":
                for value in {self.origin(name) for name in node.input}:
                    found[value].append(node)
        return found

    def origin(self, value: str) -> str:
        """What a value is a copy of."""
        while value in self._copied:
            value = self._copied[value]
        return value

    def is_answer(self, value: str) -> bool:
        """Whether a value or a copy of it is among what the network answers."""
        return value in (self.origin(answer.name) for answer in self._graph.output)

    def number(self, value: str) -> NDArray[np.float32]:
        """What a constant of floats is; ValueError if a value is none."""
        for known in self._graph.initializer:
            if known.name == self.origin(value):
                return np.asarray(numpy_helper.to_array(known), dtype=np.float32)
        raise ValueError("not a constant")

    def constant(self, value: NDArray[np.generic] | np.generic) -> str:
        """The name of a new constant."""
        name = f"constant of ours.{next(_NUMBERS)}"
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add_inputs(self, shapes: Mapping[str, Sequence[int | str]]) -> None:
        """Further inputs of floats."""
        for name, shape in shapes.items():
            self._graph.input.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))

    def add(self, kind: str, *given: str, **attributes: Any) -> str:
        """The name of what a further operation at the end gives."""
        name = f"{kind} of ours.{next(_NUMBERS)}"
        self._graph.node.append(helper.make_node(kind, given, [name], **attributes))
        return name

    def insert(self, value: str, *operations: tuple[str, *tuple[str, ...]], **attributes: Any) -> None:
        """Have those who take `value` take what operations on it give, each with its further inputs."""
        takers = [node for node in self._graph.node if value in node.input]
        giver = next(node for node in self._graph.node if value in node.output)
        place = list(self._graph.node).index(giver) + 1
        given = value
        for kind, *others in operations:
            node = helper.make_node(kind, [given, *others], [f"{given}.{kind}"], **attributes)
            given = node.output[0]
            self._graph.node.insert(place, node)
            place += 1
        for node in takers:
            node.input[:] = [given if name == value else name for name in node.input]


def read(path: Path) -> onnx.ModelProto:
    """The model in a file, without the shapes that its values had when it was written."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    return model


def cut(model: onnx.ModelProto, values: Sequence[str], *, rank: int) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """A model in two: from what it is given to some values of `rank` dimensions, and from these to what it answers."""
    given, answers = ([value.name for value in values] for values in (model.graph.input, model.graph.output))
    for value in values:
        model.graph.value_info.append(helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, [None] * rank))
    parts = Extractor(model)
    return parts.extract_model(given, list(values)), parts.extract_model(list(values), answers)
