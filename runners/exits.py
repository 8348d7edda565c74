"""Detectors for OpenVINO that end half way where there is surely no text (runners.textless, docs/adr/0020)."""

from collections.abc import Iterable, Sequence

import numpy as np
import openvino
from openvino import opset13 as ops

from runners.rewrites import origin
from runners.textless import Plane


def ending_early(model: openvino.Model, plane: Plane) -> openvino.Model:
    """A detector that answers a single zero in place of a map if no place is on the plane's positive side."""
    inputs = [_before_quantization(given) for given in given_to(plane.weights, model)]
    maps = [given.get_source_output() for given in inputs]
    text = ops.reduce_max(sides(maps, plane), np.array([0, 1, 2, 3]))
    gate = ops.if_op(ops.greater(text, np.float32(0)).output(0))
    parameters = [ops.parameter(value.get_partial_shape(), np.float32) for value in maps]
    for given, parameter in zip(inputs, parameters, strict=True):
        given.replace_source_output(parameter.output(0))
    rest = openvino.Model([model.get_results()[0].input_value(0)], parameters)
    nothing = openvino.Model([ops.constant(np.zeros((1, 1, 1, 1), dtype=np.float32))], [])
    gate.set_then_body(rest)
    gate.set_else_body(nothing)
    for value, parameter in zip(maps, parameters, strict=True):
        gate.set_input(value, parameter, None)
    found = gate.set_output(rest.get_results()[0], nothing.get_results()[0])
    return openvino.Model([found], model.get_parameters())


def given_to(names: Iterable[str], model: openvino.Model) -> list[openvino.Input]:
    """Where convolutions of these names take their maps."""
    taken = {node.get_friendly_name(): node.input(0) for node in model.get_ordered_ops() if node.get_input_size()}
    return [taken[name] for name in names]


def sides(maps: Sequence[openvino.Output], plane: Plane) -> openvino.Node:
    """How far each place of the finest map with weights is from the plane, (1, 1, H, W); positive: perhaps text."""
    weighted = zip(maps, plane.weights.values(), strict=True)
    first, *finer = (_side(value, weights) for value, weights in weighted if weights)
    total = ops.add(first, np.float32(plane.bias))
    for side in finer:
        doubled = ops.interpolate(total, np.array([1, 1, 2, 2], np.float32), "nearest", "scales", [0] * 4, [0] * 4)
        total = ops.add(side, doubled)
    return total


def _side(value: openvino.Output, weights: Sequence[float]) -> openvino.Node:
    kernel = np.array(weights, dtype=np.float32).reshape(1, -1, 1, 1)
    return ops.convolution(value, kernel, [1, 1], [0, 0], [0, 0], [1, 1])


def _before_quantization(given: openvino.Input) -> openvino.Input:
    node = origin(given.get_source_output()).get_node()
    return node.input(0) if node.get_type_name() == "FakeQuantize" else given
