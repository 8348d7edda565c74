"""Networks rewritten so that OpenVINO needs less time for the same answer (docs/adr/0010)."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

from ocr.models import fingerprint
from ocr.recognizer import TRAINED_WIDTH

PADDING = Path(__file__).with_name("padding.json")
"""What as_if_padded() needs to know of a model, by the SHA-256 of the ONNX file; made by benchmarks/calibrate.py."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Doubling:
    """A transposed convolution that doubles height and width, with the activation behind it.

    `weights` are (outputs, 2, 2, inputs), `bias` is (outputs,); `end` is the activation's output.
    """

    weights: Array
    bias: Array
    activation: str
    end: openvino.Output


def without_transposed_convolutions(model: openvino.Model) -> openvino.Model:
    """A detector whose head works at a quarter of the size and puts the pixels in their places at the end.

    DB's head (Liao et al. 2019, https://arxiv.org/abs/1911.08947) doubles the map twice, each time by a
    transposed convolution of 2 x 2 with stride 2. Such a one is a convolution of 1 x 1 to four times the
    channels whose results are then put side by side, and that can wait until the end. Answers a model
    with another head as it is.
    """
    transposed = [node for node in model.get_ordered_ops() if node.get_type_name() == "ConvolutionBackpropData"]
    try:
        first, second = (_doubling(node) for node in transposed)
    except ValueError:  # not two, or not of that kind
        return model
    if (first.activation, second.activation) != ("Relu", "Sigmoid") or len(second.bias) != 1:
        return model
    channels = len(first.bias)
    blocks = np.zeros((4, 4, 4, channels), dtype=np.float32)  # pixels within pixels: inner, outer; outer, channels
    for outer in range(4):
        blocks[:, outer, outer] = second.weights.reshape(4, channels)
    # depth_to_space wants rows of the 4 x 4 block first: row 2 * outer + inner, and so the columns
    weights = blocks.reshape(2, 2, 2, 2, 4 * channels).transpose(2, 0, 3, 1, 4).reshape(16, 4 * channels)
    quarter = ops.relu(
        _convolution(
            transposed[0].input_value(0),
            first.weights.transpose(1, 2, 0, 3).reshape(4 * channels, -1),
            np.tile(first.bias, 4),
        )
    )
    probability = ops.sigmoid(_convolution(quarter.output(0), weights, np.tile(second.bias, 16)))
    _redirect(second.end.get_target_inputs(), ops.depth_to_space(probability, "blocks_first", 4))
    model.validate_nodes_and_infer_types()
    return model


def _convolution(value: openvino.Output, weights: Array, bias: Array) -> openvino.Node:
    kernel = ops.constant(np.ascontiguousarray(weights[:, :, np.newaxis, np.newaxis]))
    return ops.add(
        ops.convolution(value, kernel, [1, 1], [0, 0], [0, 0], [1, 1]), ops.constant(bias.reshape(1, -1, 1, 1))
    )


def _doubling(node: openvino.Node) -> _Doubling:
    """What a transposed convolution and the operations behind it do; ValueError if it is of another kind."""
    given = _constant(node.input(1))  # (inputs, outputs, height, width)
    attributes = node.get_attributes()
    plain = all(not any(attributes[name]) for name in ("pads_begin", "pads_end", "output_padding"))
    if given.shape[2:] != (2, 2) or attributes["strides"] != [2, 2] or not plain or node.get_input_size() != 2:
        raise ValueError("not a doubling by 2 x 2 pixels")
    weights, bias = given.transpose(1, 2, 3, 0), np.zeros(given.shape[1], dtype=np.float32)
    while True:
        (target,) = node.output(0).get_target_inputs()
        node = target.get_node()
        match node.get_type_name():
            case "Identity":
                pass
            case "Add":
                bias = bias + _constant(node.input(1 - target.get_index())).reshape(-1)
            case "BatchNormInference":
                gamma, beta, mean, variance = (_constant(node.input(index)) for index in range(1, 5))
                factor = gamma / np.sqrt(variance + np.float32(node.get_attributes()["epsilon"]))
                weights, bias = weights * factor[:, np.newaxis, np.newaxis, np.newaxis], (bias - mean) * factor + beta
            case kind:
                return _Doubling(weights, bias, kind, node.output(0))


def _constant(given: openvino.Input) -> Array:
    node = given.get_source_output().get_node()
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant":
        raise ValueError("not a constant")
    return np.asarray(node.data, dtype=np.float32)


def best_classes(model: openvino.Model) -> openvino.Model:
    """A recognizer that answers the best class of every column and its probability, both (N, columns, 1).

    Outside the engine all probabilities of a batch would be 12 MB. Inside, to compare 18710 classes takes longer than
    to compute them; so the maximum of each of their groups is found first, then the best class of the best group.
    """
    probabilities = model.get_results()[0].input_value(0)
    softmax = probabilities.get_node()
    if softmax.get_type_name() != "Softmax" or probabilities.get_partial_shape()[2].is_dynamic:
        best = _best(probabilities)
        return openvino.Model([best.output(1), best.output(0)], model.get_parameters())
    logits = softmax.input_value(0)
    count = logits.get_partial_shape()[2].get_length()
    size = count // max(groups for groups in range(1, math.isqrt(count) + 1) if count % groups == 0)
    grouped = ops.reshape(logits, np.array([0, 0, count // size, size]), special_zero=True)
    group = _best(ops.reduce_max(grouped, np.array([3])).output(0))
    members = ops.gather(grouped, ops.squeeze(group.output(1), np.array([2])), np.int64(2), batch_dims=2)
    index = ops.add(ops.multiply(group.output(1), np.int64(size)), _best(members.output(0)).output(1))
    total = ops.reduce_sum(ops.exp(ops.subtract(logits, group.output(0))), np.array([2]), keep_dims=True)
    highest = ops.divide(np.float32(1), total)
    return openvino.Model([index.output(0), highest.output(0)], model.get_parameters())


def _best(values: openvino.Output) -> openvino.Node:
    return ops.topk(values, np.int64(1), axis=2, mode="max", sort="none", index_element_type="i64")


def as_if_padded(model: openvino.Model, path: Path) -> bool:
    """Have a recognizer read an input narrower than it was trained with as if it were padded to that width.

    All but two parts of PP-OCR's recognizers see only the neighbourhood of a column. Squeeze-and-excitation
    (Hu et al. 2018, https://arxiv.org/abs/1709.01507) takes means over the whole input, and attention mixes all
    columns; both are given what the padding would have added, which hardly depends on the text. Answers False,
    and leaves the model as it is, if it is none that we know; `path` is the file that it was read from.
    """
    known: dict[str, list[list[float]]] = json.loads(PADDING.read_text("utf-8"))
    channels = known.get(fingerprint(path))
    if channels is None:
        return False
    *means, column = (np.array(values, dtype=np.float32).reshape(1, -1, 1, 1) for values in channels)
    width = ops.gather(ops.shape_of(model.input(0), "i64"), np.int64(3), np.int64(0))
    share = ops.minimum(ops.divide(ops.convert(width, "f32"), np.float32(TRAINED_WIDTH)), np.float32(1))
    for node, mean in zip(pools(model), means, strict=True):
        rest = ops.multiply(ops.constant(mean), ops.subtract(np.float32(1), share))
        _redirect(node.output(0).get_target_inputs(), ops.add(ops.multiply(node.output(0), share), rest))
    columns = squeezed(model).output(0)
    used = columns.get_target_inputs()
    shape = ops.shape_of(columns, "i64")
    batch, steps = (ops.gather(shape, np.array([axis]), np.int64(0)) for axis in (0, 3))
    trained_steps = ops.divide(ops.multiply(steps, np.int64(TRAINED_WIDTH)), width)
    missing = ops.maximum(ops.subtract(trained_steps, steps), np.array([0]))
    added = ops.broadcast(ops.constant(column), ops.concat([batch, np.array([column.size, 1]), missing], 0))
    _redirect(used, ops.concat([columns, added], 3))
    *_, last = (node for node in model.get_ordered_ops() if node.get_type_name() == "MatMul")
    cut = ops.slice(last.input_value(0), np.array([0]), steps, np.array([1]), np.array([1]))
    _redirect([last.input(0)], cut)
    model.validate_nodes_and_infer_types()
    return True


def pools(model: openvino.Model) -> Sequence[openvino.Node]:
    """The means over a whole feature map in a recognizer."""
    means = (node for node in model.get_ordered_ops() if node.get_type_name() == "ReduceMean")
    return [node for node in means if node.get_output_partial_shape(0).rank.get_length() == 4]


def squeezed(model: openvino.Model) -> openvino.Node:
    """Where a recognizer's feature map becomes a row of columns, before any of them sees the others."""
    (node,) = (node for node in model.get_ordered_ops() if node.get_type_name() == "AvgPool")
    return node


def _redirect(inputs: Iterable[openvino.Input], to: openvino.Node) -> None:
    for target in inputs:
        target.replace_source_output(to.output(0))
