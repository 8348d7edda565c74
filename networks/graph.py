"""Networks in ONNX files, to be changed before an engine loads them."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.utils import Extractor

_NUMBERS = itertools.count()  # for names, which must differ even when two parts of a network are joined

Shape = Sequence[int | str | None]


class Graph:
    """A network whose values are referred to by name. Operations may be added in any order: see sort()."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._graph = model.graph
        self._constants = {constant.name: constant for constant in self._graph.initializer}

    @property
    def inputs(self) -> Sequence[str]:
        """The names of what the network takes."""
        return [value.name for value in self._graph.input]

    @property
    def outputs(self) -> Sequence[str]:
        """The names of what the network answers."""
        return [value.name for value in self._graph.output]

    def nodes(self, *kinds: str) -> Sequence[onnx.NodeProto]:
        """All operations of some kinds, in their order."""
        return [node for node in self._graph.node if node.op_type in kinds]

    def find_consumers(self, value: str) -> Sequence[onnx.NodeProto]:
        """The operations that take a value."""
        return [node for node in self._graph.node if value in node.input]

    def find_consumer(self, value: str, *kinds: str) -> onnx.NodeProto:
        """The one operation that takes a value, of these kinds if any are given; raises ValueError if not one does."""
        (found,) = (node for node in self.find_consumers(value) if not kinds or node.op_type in kinds)
        return found

    def read_constant(self, value: str) -> NDArray[np.float32]:
        """The numbers of a constant; raises ValueError if the value is none."""
        if value not in self._constants:
            raise ValueError("not a constant")
        return np.asarray(numpy_helper.to_array(self._constants[value]), dtype=np.float32)

    def add_constant(self, value: NDArray[np.generic] | np.generic) -> str:
        """Add a constant; returns its name."""
        name = f"constant of ours.{next(_NUMBERS)}"
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name)
        self._graph.initializer.append(self._constants[name])
        return name

    def add_inputs(self, shapes: Mapping[str, Shape]) -> None:
        """Add inputs of floats, by name."""
        self._graph.input.extend(_describe(name, shape) for name, shape in shapes.items())

    def add_output(self, value: str, rank: int) -> None:
        """Make a value with `rank` dimensions a further output."""
        self._graph.output.append(_describe(value, [None] * rank))

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add an operation, ONNX's own or one of the engine's with this `domain`; returns the name of its output."""
        name = f"{kind} of ours.{next(_NUMBERS)}"
        self._graph.node.append(helper.make_node(kind, inputs, [name], name, domain=domain, **attributes))
        if domain not in [known.domain for known in self.model.opset_import]:
            self.model.opset_import.append(helper.make_opsetid(domain, 1))
        return name

    def redirect(self, value: str, to: str, nodes: Iterable[onnx.NodeProto]) -> None:
        """Make some operations take another value instead of this one."""
        for node in nodes:
            node.input[:] = [to if name == value else name for name in node.input]

    def replace(self, value: str, by: str) -> None:
        """Compute a value otherwise: whatever gave it, `by` stands for it now."""
        for node in self._graph.node:
            node.output[:] = [{value: f"{value}, replaced", by: value}.get(name, name) for name in node.output]

    def replace_input(self, shape: Shape, element: int) -> tuple[str, str]:
        """Take another first input; returns its name, and the value that is to be computed from it now."""
        before = self._graph.input[0].name
        given = helper.make_tensor_value_info(f"{before}, given", element, shape)
        self._graph.input[0].CopyFrom(given)
        return given.name, before

    def infer_shapes(self, shape: Sequence[int]) -> Mapping[str, Sequence[int]]:
        """The shapes of values where the first input has this shape; unknown lengths are 0."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        for dimension, length in zip(copy.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
            dimension.dim_value = length
        values = onnx.shape_inference.infer_shapes(copy).graph.value_info
        return {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}

    def sort(self) -> onnx.ModelProto:
        """The model with its operations in order and nothing in it that no output needs."""
        makers = {output: node for node in self._graph.node for output in node.output}
        ordered: dict[str, onnx.NodeProto] = {}
        ahead = list(self.outputs)
        while ahead:
            maker = makers.get(ahead[-1])
            missing = [name for name in _list_taken(maker) if name in makers and name not in ordered] if maker else []
            if not missing:
                ahead.pop()
                if maker:
                    ordered.update((name, maker) for name in maker.output)
            ahead += missing
        nodes = list({id(node): node for node in ordered.values()}.values())
        used = {name for node in nodes for name in _list_taken(node)}
        constants = [self._constants[name] for name in self._constants if name in used]
        graph = helper.make_graph(nodes, self._graph.name, self._graph.input, self._graph.output, constants)
        return _like(self.model, graph)


def read(path: Path) -> Graph:
    """The network in a file: constants are no operations, no value is a copy of another (Identity).

    The exceptions are outputs, what branches take, and constants that are no tensors.
    """
    model = onnx.load(path)
    kept = {value.name for value in model.graph.output}
    kept.update(name for node in model.graph.node for name in set(_list_taken(node)) - {*node.input})
    copied: dict[str, str] = {}
    nodes, constants = [], list(model.graph.initializer)
    for node in model.graph.node:
        node.input[:] = [copied.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in kept:
            copied[node.output[0]] = node.input[0]
        elif node.op_type == "Constant" and node.attribute[0].name == "value":
            constants.append(numpy_helper.from_array(numpy_helper.to_array(node.attribute[0].t), node.output[0]))
        else:
            nodes.append(node)
    known = {constant.name for constant in constants}
    inputs = [value for value in model.graph.input if value.name not in known]  # old files list their constants, too
    graph = helper.make_graph(nodes, model.graph.name, inputs, model.graph.output, constants)
    return Graph(_like(model, graph))


def cut(
    graph: Graph, values: Sequence[str], rank: int, also: Sequence[str] = ()
) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """A network in two: from its inputs to some values with `rank` dimensions, and from these to its outputs.

    The outputs `also` are the first one's.
    """
    model = graph.sort()
    model.graph.value_info.extend(_describe(value, [None] * rank) for value in values)
    parts = Extractor(model)
    later = [output for output in graph.outputs if output not in also]
    return parts.extract_model([*graph.inputs], [*values, *also]), parts.extract_model(list(values), later)


def _list_taken(node: onnx.NodeProto) -> Sequence[str]:
    """The values that an operation takes; those of a branch or a loop inside it, too."""
    inner = [operation for attribute in node.attribute for operation in attribute.g.node]
    return [*node.input, *(name for operation in inner for name in _list_taken(operation))]


def _describe(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def _like(model: onnx.ModelProto, graph: onnx.GraphProto) -> onnx.ModelProto:
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    made.metadata_props.extend(model.metadata_props)
    return made


def read_attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """An attribute of an operation; `default` if it has none of this name."""
    return next((helper.get_attribute_value(found) for found in node.attribute if found.name == name), default)
