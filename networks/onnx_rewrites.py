"""Detectors rewritten so that ONNX Runtime needs less time for the same answer (docs/adr/0010, 0020)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import onnx
from onnx import helper, numpy_helper

from networks import pruned_channels
from networks.early_exit import Plane
from networks.graph import Graph, cut

ACTIVATIONS = ["Add", "Relu"], ["Add", "Add", "Div", "Erf", "Mul", "Mul"]
"""What adding a bias is followed by where it is ReLU or GELU, in alphabetical order."""

Takers = Mapping[str, Sequence[onnx.NodeProto]]
"""As of Graph.takers()."""


def prune_channels(model: onnx.ModelProto) -> onnx.ModelProto:
    """A network without the channels between two convolutions that are zero whatever it is given."""
    graph = Graph(model.graph)
    takers = graph.takers()
    for node in graph.nodes("Conv"):
        with suppress(ValueError):  # not of that kind
            _drop_pruned_channels(graph, takers, node)
    return model


def _drop_pruned_channels(graph: Graph, takers: Takers, first: onnx.NodeProto) -> None:
    """Take the channels that are zero from a convolution, its bias, and the convolution behind it."""
    _, weights = first.input
    (biased,) = takers[first.output[0]]
    taken = _behind(graph, takers, biased)
    if _group(first) != 1 or _group(taken) != 1:
        raise ValueError("channel by channel")
    (bias,) = (value for value in biased.input if graph.origin(value) != first.output[0])
    dropped = pruned_channels.channels(graph.number(weights), graph.number(bias))
    if dropped.size:
        for node, constant, axis in (first, weights, 0), (biased, bias, 1), (taken, taken.input[1], 1):
            left = graph.constant(np.delete(graph.number(constant), dropped, axis))
            node.input[:] = [left if name == constant else name for name in node.input]


def _behind(graph: Graph, takers: Takers, biased: onnx.NodeProto) -> onnx.NodeProto:
    """The convolution that alone is given the ReLU or GELU of a sum; ValueError if there is none."""
    between, ends = [biased], []
    for node in between:  # to which those are added that take what it gives
        for taker in takers[node.output[0]]:
            if taker.op_type == "Conv":
                ends.append(taker)
            elif taker not in between:
                between.append(taker)
    (end,) = ends
    given = {node.output[0] for node in between}
    others = {graph.origin(value) for node in between[1:] for value in node.input} - given
    if (
        sorted(node.op_type for node in between) not in ACTIVATIONS
        or any(map(graph.is_answer, given))
        or any(graph.number(value).ndim for value in others)
    ):
        raise ValueError("neither ReLU nor GELU")
    return end


def _group(convolution: onnx.NodeProto) -> int:
    return next((value.i for value in convolution.attribute if value.name == "group"), 1)


def add_early_exit(model: onnx.ModelProto, plane: Plane) -> onnx.ModelProto:
    """A detector that answers an empty map if no place is on the plane's positive side; and the places' sides."""
    taken = {node.name: node.input[0] for node in Graph(model.graph).nodes("Conv")}
    maps = [taken[name] for name in plane.weights]
    start, rest = (part.graph for part in cut(model, maps, rank=4))
    graph = Graph(start)
    signs = _sides(graph, maps, plane)
    most = graph.add("ReduceMax", signs, keepdims=0)
    text = graph.add("Greater", most, graph.constant(np.float32(0)))
    known = {constant.name for constant in start.initializer}
    constants = [constant for constant in rest.initializer if constant.name not in known]
    none = numpy_helper.from_array(np.zeros((1, 1, 0, 0), np.float32))
    empty = helper.make_node("Constant", [], ["empty"], value=none)
    found = graph.add(
        "If",
        text,
        then_branch=helper.make_graph(rest.node, "rest", [], rest.output, constants),
        else_branch=helper.make_graph([empty], "nothing", [], [_float("empty")]),
    )
    return helper.make_model(
        helper.make_graph(start.node, "ending early", start.input, [_float(found), _float(signs)], start.initializer),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )


def _float(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 4)


def _sides(graph: Graph, maps: Sequence[str], plane: Plane) -> str:
    """How far each place of the finest map with weights is from the plane, (1, 1, H, W); positive: perhaps text."""
    weighted = zip(maps, plane.weights.values(), strict=True)
    first, *finer = (_side(graph, value, weights) for value, weights in weighted if weights)
    total = graph.add("Add", first, graph.constant(np.float32(plane.bias)))
    for side in finer:
        nowhere, twice = (graph.constant(np.array(sizes, dtype=np.float32)) for sizes in ([], [1, 1, 2, 2]))
        total = graph.add("Add", side, graph.add("Resize", total, nowhere, twice, mode="nearest"))
    return total


def _side(graph: Graph, value: str, weights: Sequence[float]) -> str:
    return graph.add("Conv", value, graph.constant(np.array(weights, dtype=np.float32).reshape(1, -1, 1, 1)))
