"""Detectors for OpenVINO that end half way where there is surely no text (networks.early_exit, docs/adr/0020)."""

from collections.abc import Iterable, Sequence

import numpy as np
import openvino
from openvino import opset13 as ops

from networks.early_exit import Plane
from networks.openvino_rewrites import origin

ALL = 1 << 20  # rows, more than there are; without AVX2, OpenVINO chooses in float32, where 2**31 - 1 turns negative


def add_early_exit(model: openvino.Model, plane: Plane) -> openvino.Model:
    """A detector that answers a map without rows if no cell has evidence of text; and the evidence in each cell.

    Its second half is then given maps without rows, and OpenVINO passes over operations that are given nothing. The
    operation If would do the same, but what is given to its branch is copied twice, in float32 and another layout.
    """
    inputs = [_before_quantization(given) for given in given_to(plane.weights, model)]
    maps = [given.get_source_output() for given in inputs]
    evidence = text_evidence(maps, plane)
    text = ops.reduce_max(evidence, np.array([0, 1, 2, 3]))
    rows = ops.select(ops.greater(text, np.float32(0)), np.array([ALL]), np.array([0]))
    for given, value in zip(inputs, maps, strict=True):
        taken = ops.slice(value, np.array([0]), rows, np.array([1]), np.array([2]))
        given.replace_source_output(taken.output(0))
    model.add_results([ops.result(evidence)])
    model.validate_nodes_and_infer_types()
    return model


def given_to(names: Iterable[str], model: openvino.Model) -> list[openvino.Input]:
    """Where convolutions of these names take their maps."""
    taken = {node.get_friendly_name(): node.input(0) for node in model.get_ordered_ops() if node.get_input_size()}
    return [taken[name] for name in names]


def text_evidence(maps: Sequence[openvino.Output], plane: Plane) -> openvino.Node:
    """How far each cell of the finest map with weights is on the text side of the plane, (1, 1, H, W)."""
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
