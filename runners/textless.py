"""Whether there may be text at all, told half way through the detector: if not, the rest of it is not computed.

Most photos hold no text, and what the detector's backbone makes of them tells so of most, before the layers that draw
the map (an early exit, as in Teerapittayanon et al. 2016, BranchyNet, https://arxiv.org/abs/1709.01686). In
textless.json, by the SHA-256 of the ONNX file, made by benchmarks/calibrate.py: a plane through the channels of the
backbone's maps, coarsest first, by the convolution that takes each. A map with no part in it has no weights
(docs/adr/0020).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openvino
from openvino import opset13 as ops

from ocr.models import fingerprint
from runners.rewrites import origin

FILE = Path(__file__).with_suffix(".json")


class Plane(NamedTuple):
    """Through the channels of maps that double in size: `weights` by the convolution that takes a map, and a bias."""

    weights: Mapping[str, Sequence[float]]
    bias: float


def plane(path: Path) -> Plane | None:
    """Of the detector in this file; None if it is not one that we know."""
    known = json.loads(FILE.read_text("utf-8"))
    return Plane(**known[fingerprint(path)]) if fingerprint(path) in known else None


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
