"""Rewrites a network so that OpenVINO needs less time for the same answer (docs/adr/0010).

Each rewrite changes the model that it is given and returns whether it found anything to change.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

from networks import pruned_channels
from ocr.recognizer import SPACE_BONUS_NATS

Array = NDArray[np.float32]
DIGIT_BASE = 256  # bfloat16 holds every whole number up to here
ACTIVATIONS = ["Add", "Relu"], ["Add", "Add", "Divide", "Erf", "Multiply", "Multiply"]
"""The operations of a bias with ReLU or GELU behind it in an ONNX file, in alphabetical order."""


@dataclass(frozen=True, slots=True)
class _Doubling:
    """A transposed convolution that doubles height and width, with the activation behind it."""

    weights: Array
    """(outputs, 2, 2, inputs)"""
    bias: Array
    """(outputs,)"""
    activation: str
    """Its kind."""
    end: openvino.Output
    """The activation's output."""


def replace_transposed_convolutions(model: openvino.Model) -> bool:
    """Make a detector's head work at a quarter of the size, and put the pixels in their places at the end.

    DB's head (Liao et al. 2019, https://arxiv.org/abs/1911.08947) doubles the map twice, each time by a
    transposed convolution of 2 x 2 with stride 2. This is a convolution of 1 x 1 to four times the channels
    whose results are then put side by side, and that can wait until the end.
    """
    transposed = [node for node in model.get_ordered_ops() if node.get_type_name() == "ConvolutionBackpropData"]
    try:
        first, second = (_read_doubling(node) for node in transposed)
    except ValueError:  # not two, or not of that kind
        return False
    if (first.activation, second.activation) != ("Relu", "Sigmoid") or len(second.bias) != 1:
        return False
    channels = len(first.bias)
    blocks = np.zeros((4, 4, 4, channels), dtype=np.float32)  # pixels within pixels: inner, outer; outer, channels
    for outer in range(4):
        blocks[:, outer, outer] = second.weights.reshape(4, channels)
    # depth_to_space takes the rows of the 4 x 4 block first: row 2 * outer + inner, and columns likewise
    weights = blocks.reshape(2, 2, 2, 2, 4 * channels).transpose(2, 0, 3, 1, 4).reshape(16, 4 * channels)
    inner_weights = first.weights.transpose(1, 2, 0, 3).reshape(4 * channels, -1)
    quarter = ops.relu(_convolve(transposed[0].input_value(0), inner_weights, np.tile(first.bias, 4)))
    probability = ops.sigmoid(_convolve(quarter.output(0), weights, np.tile(second.bias, 16)))
    redirect(second.end.get_target_inputs(), ops.depth_to_space(probability, "blocks_first", 4))
    model.validate_nodes_and_infer_types()
    return True


def fuse_squeeze_excitation(model: openvino.Model) -> bool:
    """Make a detector compute x * (1 + g) instead of x + x * g, where g is a gate for each channel of a map x."""
    return _rewrite_each(model, "Add", _fuse_gate)


def prune_channels(model: openvino.Model) -> bool:
    """Drop the channels between two convolutions that are zero whatever the network is given.

    Where training shrinks weights that are of no use, they vanish: five in eight of the channels inside the last stage
    of PP-OCRv6's detector have none left.
    """
    return _rewrite_each(model, "Convolution", _drop_pruned_channels)


def _rewrite_each(model: openvino.Model, kind: str, rewrite: Callable[[openvino.Node], bool]) -> bool:
    """Rewrite all operations of a kind; `rewrite` returns False or raises ValueError if it does not fit one."""
    changed = False
    for node in model.get_ordered_ops():
        if node.get_type_name() == kind:
            with suppress(ValueError):
                changed |= rewrite(node)
    model.validate_nodes_and_infer_types()
    return changed


def _fuse_gate(total: openvino.Node) -> bool:
    sides = [origin(value) for value in total.input_values()]
    for features, product in (sides, sides[::-1]):
        gate = _find_gate(features, product.get_node())
        if gate is not None:
            redirect(total.output(0).get_target_inputs(), ops.multiply(features, ops.add(gate, np.float32(1))))
            return True
    return False


def _drop_pruned_channels(first: openvino.Node) -> bool:
    """Drop the pruned channels from a convolution, its bias, and the convolution behind it; whether it has any."""
    (target,) = first.output(0).get_target_inputs()
    biased = target.get_node()
    taken = _find_next_convolution(biased).input(1)
    weights, bias = first.input(1), biased.input(1 - target.get_index())
    dropped = pruned_channels.find_pruned(_read_constant(weights), _read_constant(bias))
    if dropped.size:
        for constant, axis in (weights, 0), (bias, 1), (taken, 1):
            left = np.ascontiguousarray(np.delete(_read_constant(constant), dropped, axis))
            constant.replace_source_output(ops.constant(left).output(0))
    return bool(dropped.size)


def _find_next_convolution(biased: openvino.Node) -> openvino.Node:
    """The convolution that alone takes the ReLU or GELU of a sum; raises ValueError if there is none."""
    between = {biased.get_friendly_name(): biased}
    ends, ahead = [], [biased]
    while ahead:
        for target in ahead.pop().output(0).get_target_inputs():
            node = target.get_node()
            if node.get_type_name() == "Convolution":
                ends.append(node)
            elif node.get_friendly_name() not in between:
                between[node.get_friendly_name()] = node
                ahead.append(node)
    (end,) = ends
    kinds = sorted(node.get_type_name() for node in between.values() if node.get_type_name() != "Identity")
    others = [value for node in between.values() if node is not biased for value in node.input_values()]
    if kinds not in ACTIVATIONS or not all(
        value.get_node().get_friendly_name() in between or str(value.get_partial_shape()) == "[]" for value in others
    ):
        raise ValueError("neither ReLU nor GELU")
    return end


def _find_gate(features: openvino.Output, product: openvino.Node) -> openvino.Output | None:
    """The gate that `product` multiplies the channels of `features` by; None if it computes anything else."""
    if product.get_type_name() != "Multiply":
        return None
    factors = [origin(value) for value in product.input_values()]
    gates = [factor for factor in factors if factor != features]
    fits = len(gates) == 1 and gates[0].get_partial_shape().rank == 4 and is_pixel(gates[0])
    return gates[0] if fits else None


def is_pixel(value: openvino.Output) -> bool:
    """Whether a map is known to have only one pixel, as the mean over a map has."""
    return str(value.get_partial_shape()[2:]) == "[1,1]"


def origin(value: openvino.Output) -> openvino.Output:
    """The value that a value is a copy of."""
    while value.get_node().get_type_name() == "Identity":
        value = value.get_node().input_value(0)
    return value


def _convolve(value: openvino.Output, weights: Array, bias: Array) -> openvino.Node:
    kernel = ops.constant(np.ascontiguousarray(weights[:, :, np.newaxis, np.newaxis]))
    convolved = ops.convolution(value, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    return ops.add(convolved, ops.constant(bias.reshape(1, -1, 1, 1)))


def _read_doubling(node: openvino.Node) -> _Doubling:
    """What a transposed convolution and the operations behind it do; raises ValueError if it is of another kind."""
    kernel = _read_constant(node.input(1))  # (inputs, outputs, height, width)
    attributes = node.get_attributes()
    plain = all(not any(attributes[name]) for name in ("pads_begin", "pads_end", "output_padding"))
    if kernel.shape[2:] != (2, 2) or attributes["strides"] != [2, 2] or not plain or node.get_input_size() != 2:
        raise ValueError("not a doubling by 2 x 2 pixels")
    weights, bias = kernel.transpose(1, 2, 3, 0), np.zeros(kernel.shape[1], dtype=np.float32)
    while True:
        (target,) = node.output(0).get_target_inputs()
        node = target.get_node()
        match node.get_type_name():
            case "Identity":
                pass
            case "Add":
                bias = bias + _read_constant(node.input(1 - target.get_index())).reshape(-1)
            case "BatchNormInference":
                gamma, beta, mean, variance = (_read_constant(node.input(index)) for index in range(1, 5))
                factor = gamma / np.sqrt(variance + np.float32(node.get_attributes()["epsilon"]))
                weights, bias = weights * factor[:, np.newaxis, np.newaxis, np.newaxis], (bias - mean) * factor + beta
            case kind:
                return _Doubling(weights, bias, kind, node.output(0))


def _read_constant(given: openvino.Input) -> Array:
    node = given.get_source_output().get_node()
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant":
        raise ValueError("not a constant")
    return np.asarray(node.data, dtype=np.float32)


def split_last_layer(model: openvino.Model) -> tuple[openvino.Model, openvino.Model]:
    """A recognizer in two: from lines to columns, (N, T, C), and from columns to the probabilities of all classes."""
    logits = origin(model.get_results()[0].input_value(0).get_node().input_value(0)).get_node()
    terms = [origin(value).get_node() for value in logits.input_values()]
    (product,) = (node for node in terms if node.get_type_name() == "MatMul")
    columns, weights = product.input_values()
    if product.get_attributes()["transpose_a"]:
        columns = ops.transpose(columns, np.array([0, 2, 1])).output(0)
    given = ops.parameter([1, -1, columns.get_partial_shape()[2].get_length()], np.float32)
    last = ops.matmul(given, weights, transpose_a=False, transpose_b=product.get_attributes()["transpose_b"])
    redirect(product.output(0).get_target_inputs(), last)
    lines = openvino.Model([columns], model.get_parameters())
    classes = openvino.Model([result.input_value(0) for result in model.get_results()], [given])
    classes.validate_nodes_and_infer_types()
    return lines, classes


def pick_best_classes(model: openvino.Model, charset: Sequence[str]) -> tuple[openvino.Model, bool]:
    """A recognizer that answers the best class of every column and its probability, both (N, columns, 1).

    Outside the engine all probabilities of a batch would be 12 MB. Inside, comparing 18710 classes takes longer than
    computing them: so the maximum of each group of classes is found first, then the best class of the best group.
    The last of the characters is the space, which is favoured (ocr.recognizer.SPACE_BONUS_NATS). Also returns whether
    it is: not without a class for it, nor if the model answers no probabilities.
    """
    probabilities = model.get_results()[0].input_value(0)
    softmax = probabilities.get_node()
    if softmax.get_type_name() != "Softmax" or probabilities.get_partial_shape()[2].is_dynamic:
        best = _pick_best(probabilities)
        return openvino.Model([best.output(1), best.output(0)], model.get_parameters()), False
    count = probabilities.get_partial_shape()[2].get_length()
    space_prior = np.zeros((1, 1, count), dtype=np.float32)
    space_prior[..., len(charset) :] = SPACE_BONUS_NATS  # empty if the user's own network has no class for the space
    logits = ops.add(softmax.input_value(0), space_prior)
    size = count // max(groups for groups in range(1, math.isqrt(count) + 1) if count % groups == 0)
    grouped = ops.reshape(logits, np.array([0, 0, count // size, size]), special_zero=True)
    group = _pick_best(ops.reduce_max(grouped, np.array([3])).output(0))
    members = ops.gather(grouped, ops.squeeze(group.output(1), np.array([2])), np.int64(2), batch_dims=2)
    index = ops.add(ops.multiply(group.output(1), np.int64(size)), _pick_best(members.output(0)).output(1))
    total = ops.reduce_sum(ops.exp(ops.subtract(logits, group.output(0))), np.array([2]), keep_dims=True)
    high = ops.divide(index, np.int64(DIGIT_BASE))
    low = ops.subtract(index, ops.multiply(high, np.int64(DIGIT_BASE)))
    found = ops.concat([*(ops.convert(digit, np.float32) for digit in (high, low)), total], 2)
    # OpenVINO computes what follows the last product in float32, and copies 12 MB of logits for it: so here is a last
    high, low, total = ops.split(ops.matmul(found, np.eye(3, dtype=np.float32), False, False), np.int64(2), 3).outputs()
    index = ops.convert(ops.add(ops.multiply(high, np.float32(DIGIT_BASE)), low), np.int64)
    outputs = [index.output(0), ops.divide(np.float32(1), total).output(0)]
    return openvino.Model(outputs, model.get_parameters()), bool(space_prior.any())


def _pick_best(values: openvino.Output) -> openvino.Node:
    return ops.topk(values, np.int64(1), axis=2, mode="max", sort="none", index_element_type="i64")


def redirect(inputs: Iterable[openvino.Input], to: openvino.Node) -> None:
    """Make these inputs take the output of a node."""
    for target in inputs:
        target.replace_source_output(to.output(0))
