"""Rewrites a detector so that ONNX Runtime needs less time for the same answer (docs/adr/0010, 0020)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np
import onnx
from onnx import helper, numpy_helper

from networks import pruned_channels
from networks.early_exit import Plane
from networks.graph import Graph, cut

ACTIVATIONS = ["Add", "Relu"], ["Add", "Add", "Div", "Erf", "Mul", "Mul"]
"""The operations of a bias with ReLU or GELU behind it, in alphabetical order."""

Consumers = Mapping[str, Sequence[onnx.NodeProto]]
"""As of Graph.find_consumers()."""


def prune_channels(model: onnx.ModelProto) -> bool:
    """Drop the channels between two convolutions that are zero whatever the network is given; whether it has any."""
    graph = Graph(model.graph)
    consumers = graph.find_consumers()
    pruned = False
    for node in graph.nodes("Conv"):
        with suppress(ValueError):  # not of that kind
            pruned |= _drop_pruned_channels(graph, consumers, node)
    return pruned


def _drop_pruned_channels(graph: Graph, consumers: Consumers, first: onnx.NodeProto) -> bool:
    """Drop the pruned channels from a convolution, its bias, and the convolution behind it; whether it has any."""
    _, weights = first.input
    (biased,) = consumers[first.output[0]]
    second = _find_next_convolution(graph, consumers, biased)
    if _read_group(first) != 1 or _read_group(second) != 1:
        raise ValueError("channel by channel")
    (bias,) = (value for value in biased.input if graph.origin(value) != first.output[0])
    dropped = pruned_channels.find_pruned(graph.read_constant(weights), graph.read_constant(bias))
    if dropped.size:
        for node, constant, axis in (first, weights, 0), (biased, bias, 1), (second, second.input[1], 1):
            left = graph.add_constant(np.delete(graph.read_constant(constant), dropped, axis))
            node.input[:] = [left if name == constant else name for name in node.input]
    return bool(dropped.size)


def _find_next_convolution(graph: Graph, consumers: Consumers, biased: onnx.NodeProto) -> onnx.NodeProto:
    """The convolution that alone takes the ReLU or GELU of a sum; raises ValueError if there is none."""
    between, ends = [biased], []
    for node in between:  # which grows by what takes its output
        for consumer in consumers[node.output[0]]:
            if consumer.op_type == "Conv":
                ends.append(consumer)
            elif consumer not in between:
                between.append(consumer)
    (end,) = ends
    inner = {node.output[0] for node in between}
    others = {graph.origin(value) for node in between[1:] for value in node.input} - inner
    if (
        sorted(node.op_type for node in between) not in ACTIVATIONS
        or any(map(graph.is_output, inner))
        or any(graph.read_constant(value).ndim for value in others)
    ):
        raise ValueError("neither ReLU nor GELU")
    return end


def _read_group(convolution: onnx.NodeProto) -> int:
    return next((value.i for value in convolution.attribute if value.name == "group"), 1)


def add_early_exit(model: onnx.ModelProto, plane: Plane) -> onnx.ModelProto:
    """A detector that answers an empty map if no cell has evidence of text; and the evidence in each cell."""
    taken = {node.name: node.input[0] for node in Graph(model.graph).nodes("Conv")}
    maps = [taken[name] for name in plane.weights]
    start, rest = (part.graph for part in cut(model, maps, rank=4))
    graph = Graph(start)
    evidence = _text_evidence(graph, maps, plane)
    most = graph.add("ReduceMax", evidence, keepdims=0)
    text = graph.add("Greater", most, graph.add_constant(np.float32(0)))
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
        helper.make_graph(start.node, "early exit", start.input, [_float(found), _float(evidence)], start.initializer),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )


def _float(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 4)


def _text_evidence(graph: Graph, maps: Sequence[str], plane: Plane) -> str:
    """How far each cell of the finest map with weights is on the text side of the plane, (1, 1, H, W)."""
    weighted = zip(maps, plane.weights.values(), strict=True)
    first, *finer = (_side(graph, value, weights) for value, weights in weighted if weights)
    total = graph.add("Add", first, graph.add_constant(np.float32(plane.bias)))
    for side in finer:
        nowhere, twice = (graph.add_constant(np.array(sizes, dtype=np.float32)) for sizes in ([], [1, 1, 2, 2]))
        total = graph.add("Add", side, graph.add("Resize", total, nowhere, twice, mode="nearest"))
    return total


def _side(graph: Graph, value: str, weights: Sequence[float]) -> str:
    return graph.add("Conv", value, graph.add_constant(np.array(weights, dtype=np.float32).reshape(1, -1, 1, 1)))
