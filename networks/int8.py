"""Convolutions in int8, for processors that multiply bytes several times faster than floats.

To quantize a convolution, one must know the range of its input: fitted/int8.json holds it by the name of the
convolution. One that is not named there stays in floats (docs/adr/0009).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from networks import fitted_values, processor
from networks.graph import Graph
from networks.pruned_channels import find_next_convolution

Array = NDArray[np.float32]
log = logging.getLogger("mtphotos_ocr.int8")

MAX_PAIR_SUM = 1.25
"""Of the weights of two neighbouring channels, in times 127, where products are added up in pairs.

At 1 their sum never overflows; but weights are coarser then, and two channels are seldom at their largest at once: on
photos, the answers were nearest to those in floats at 1.25 (of 1, 1.25, 1.5 and without a bound).
"""

MIN_INPUT_CHANNELS = 96
"""Convolutions of fewer stay in floats."""


class InputRange(NamedTuple):
    """The input of a convolution on photos."""

    zero: int
    """The level, 1-128 of 0-255, that stands for 0."""
    scales: Sequence[float]
    """The value of each channel that level 255 stands for."""
    means: Sequence[float]
    """The mean of each channel."""


Multiply = Callable[[Graph, str, "Quantized"], str]
"""Adds a quantized convolution of a value, for an engine, to a network; returns its value."""


class Quantized(NamedTuple):
    """A convolution of 1 x 1 whose input and weights have 256 levels."""

    zero: int
    """The level of the input that stands for 0."""
    scales: Array
    """The value of each input channel that level 255 stands for, (C,)."""
    weights: NDArray[np.int8]
    """(outputs, C), for an input that was divided by `scales`."""
    largest: Array
    """What 127 stands for in the weights of each output, (outputs,)."""
    bias: Array
    """With what rounding the weights takes from each output on the mean input, (outputs,)."""


def quantize(graph: Graph, path: Path, multiply: Multiply, *, pairs: bool = False) -> bool:
    """Have the convolutions of a network, read from the file `path`, computed in int8; whether there are any.

    With `pairs`, only those that follow one another with an activation between them. The network's pruned channels must
    have been dropped before (networks.pruned_channels).
    """
    known: Mapping[str, Mapping[str, Any]] = fitted_values.find("int8", path) or {}
    exact = processor.has_exact_sums() is True
    nodes = {node.name: node for node in graph.nodes("Conv") if node.name in known}
    if missing := sorted(known.keys() - nodes.keys()):
        log.warning("%s has no %s: fitted/int8.json does not fit it, and it is slower", path.name, ", ".join(missing))
    if pairs:
        nodes = _find_pairs(graph, nodes)
    for name, node in nodes.items():
        biased, bias = _find_bias(graph, node)
        quantized = _quantize(graph.read_constant(node.input[1]), bias, InputRange(**known[name]), exact=exact)
        graph.replace(biased, multiply(graph, node.input[0], quantized))
    return bool(nodes)


def _find_pairs(graph: Graph, nodes: Mapping[str, onnx.NodeProto]) -> dict[str, onnx.NodeProto]:
    """Of these convolutions by name those with only a ReLU or GELU between one and the next of them."""
    found: dict[str, onnx.NodeProto] = {}
    for name, node in nodes.items():
        with suppress(ValueError):
            second = find_next_convolution(graph, graph.find_consumer(node.output[0]))
            if second.name in nodes:
                found |= {name: node, second.name: second}
    return found


def _find_bias(graph: Graph, node: onnx.NodeProto) -> tuple[str, Array]:
    """The output of a convolution with its bias, and the bias, (outputs,), or one zero if there is none."""
    if len(node.input) == 3:
        return node.output[0], graph.read_constant(node.input[2])
    with suppress(ValueError):
        added = graph.find_consumer(node.output[0])
        if added.op_type == "Add":
            (bias,) = (value for value in added.input if value != node.output[0])
            return added.output[0], graph.read_constant(bias).reshape(-1)
    return node.output[0], np.zeros(1, np.float32)


def _quantize(kernel: Array, bias: Array, given: InputRange, *, exact: bool) -> Quantized:
    """Quantize as Jacob et al. 2018 (https://arxiv.org/abs/1712.05877) do, with two remedies that cost no time.

    Channels are scaled to one range, and the weights take the scales over (SmoothQuant, Xiao et al. 2023,
    https://arxiv.org/abs/2211.10438). What rounding the weights changes for the mean input is subtracted again (Nagel
    et al. 2019, https://arxiv.org/abs/1906.04721).
    """
    scales, means = (np.array(values, dtype=np.float32) for values in (given.scales, given.means))
    weights = kernel[:, :, 0, 0] * scales
    largest = find_largest_weights(weights, exact=exact).clip(1e-8)
    levels = np.round(weights / largest[:, np.newaxis] * 127)
    lost = (weights - levels / 127 * largest[:, np.newaxis]) @ (means / scales)
    return Quantized(given.zero, scales, levels.astype(np.int8), largest, bias + lost)


def convolve(graph: Graph, features: str, quantized: Quantized) -> str:
    """A quantized convolution for OpenVINO, which computes it in int8 because there are levels in front of it."""

    def fake_quantize(value: str, levels: int, *bounds: Array) -> str:
        names = (graph.add_constant(bound.astype(np.float32)) for bound in bounds)
        return graph.add("FakeQuantize", value, *names, domain="org.openvinotoolkit", levels=levels)

    zero, *_, bias = quantized
    low, high = (np.full((1, 1, 1, 1), bound) for bound in (zero / (zero - 255), 1))
    scales, largest = quantized.scales.reshape(1, -1, 1, 1), quantized.largest.reshape(-1, 1, 1, 1)
    kernel = graph.add_constant(quantized.weights[:, :, np.newaxis, np.newaxis] * (largest / np.float32(127)))
    levels = fake_quantize(features, 256, low * scales, high * scales, low, high)
    weights = fake_quantize(kernel, 255, -largest, largest, -largest, largest)
    return graph.add("Add", graph.add("Conv", levels, weights), graph.add_constant(bias.reshape(1, -1, 1, 1)))


def multiply_bytes(graph: Graph, features: str, quantized: Quantized) -> str:
    """A quantized convolution for ONNX Runtime: its own convolution would quantize the output, too, so a product.

    Channels come last for it; ONNX Runtime drops the two transpositions between a convolution and the next.
    """
    constant = graph.add_constant
    step, zero = constant(np.float32(1 / (255 - quantized.zero))), constant(np.uint8(quantized.zero))
    weights, largest = constant(quantized.weights.T), constant(quantized.largest / np.float32(127))
    pixels = graph.add("Transpose", features, perm=[0, 2, 3, 1])
    levels = graph.add("QuantizeLinear", graph.add("Mul", pixels, constant(1 / quantized.scales)), step, zero)
    factors = levels, weights, step, largest, zero, "", constant(quantized.bias)
    return graph.add(
        "Transpose", graph.add("MatMulIntegerToFloat", *factors, domain="com.microsoft"), perm=[0, 3, 1, 2]
    )


def find_largest_weights(weights: NDArray[np.float32], *, exact: bool) -> NDArray[np.float32]:
    """The weight of each output channel that becomes 127: the largest, or more unless sums are exact (MAX_PAIR_SUM)."""
    by_channel = weights.reshape(len(weights), -1)
    largest: NDArray[np.float32] = np.abs(by_channel).max(axis=1)
    if not exact:
        pairs = np.abs(np.add.reduceat(by_channel, np.arange(0, by_channel.shape[1], 2), axis=1))
        largest = np.maximum(largest, pairs.max(axis=1) / MAX_PAIR_SUM)
    return largest


def find_convolutions(graph: Graph, shapes: Mapping[str, Sequence[int]]) -> list[onnx.NodeProto]:
    """Those that can be quantized: 1 x 1, over a map. Others gain little, and those with few channels lose most."""
    return [node for node in graph.nodes("Conv") if _fits(graph, node, shapes)]


def _fits(graph: Graph, node: onnx.NodeProto, shapes: Mapping[str, Sequence[int]]) -> bool:
    _, channels, *kernel = graph.read_constant(node.input[1]).shape
    return channels >= MIN_INPUT_CHANNELS and kernel == [1, 1] and shapes[node.input[0]][2:] != [1, 1]
