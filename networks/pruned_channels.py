"""Pruned channels: those that training has made zero, whatever the network is given (docs/adr/0010)."""

from contextlib import suppress

import numpy as np
import onnx
from numpy.typing import NDArray

from networks.graph import Graph, read_attribute

MIN_WEIGHT = 1e-3  # smaller weights and biases are what training left of a channel that was of no use
BLOCK_CHANNELS = 16  # that a processor computes at once
ACTIVATIONS = ["Add", "Relu"], ["Add", "Add", "Div", "Erf", "Mul", "Mul"]
"""The operations of a bias with ReLU or GELU behind it, in alphabetical order."""


def prune_channels(graph: Graph) -> bool:
    """Drop the channels between two convolutions that are zero whatever the network is given; whether it has any.

    Where training shrinks weights that are of no use, they vanish: five in eight of the channels inside the last stage
    of PP-OCRv6's detector have none left.
    """
    pruned = False
    for node in graph.nodes("Conv"):
        with suppress(ValueError):  # not of that kind
            pruned |= _drop_pruned_channels(graph, node)
    return pruned


def _drop_pruned_channels(graph: Graph, first: onnx.NodeProto) -> bool:
    """Drop the pruned channels from a convolution, its bias, and the convolution behind it; whether it has any."""
    _, weights = first.input
    biased = graph.find_consumer(first.output[0])
    second = find_next_convolution(graph, biased)
    if any(read_attribute(node, "group", 1) != 1 for node in (first, second)):
        raise ValueError("channel by channel")
    (bias,) = (value for value in biased.input if value != first.output[0])
    dropped = _find_pruned(graph.read_constant(weights), graph.read_constant(bias))
    if dropped.size:
        for node, constant, axis in (first, weights, 0), (biased, bias, 1), (second, second.input[1], 1):
            left = graph.add_constant(np.delete(graph.read_constant(constant), dropped, axis))
            graph.redirect(constant, left, [node])
    return bool(dropped.size)


def find_next_convolution(graph: Graph, biased: onnx.NodeProto) -> onnx.NodeProto:
    """The convolution that alone takes the ReLU or GELU of a sum; raises ValueError if there is none."""
    between, ends = [biased], []
    for node in between:  # which grows by what takes its output
        for consumer in graph.find_consumers(node.output[0]):
            if consumer.op_type == "Conv":
                ends.append(consumer)
            elif consumer not in between:
                between.append(consumer)
    (end,) = ends
    inner = {node.output[0] for node in between}
    others = {value for node in between[1:] for value in node.input} - inner
    if (
        sorted(node.op_type for node in between) not in ACTIVATIONS
        or not inner.isdisjoint(graph.outputs)
        or any(graph.read_constant(value).ndim for value in others)
    ):
        raise ValueError("neither ReLU nor GELU")
    return end


def _find_pruned(weights: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.intp]:
    """The channels that a convolution need not compute, in blocks of 16; none if all channels are zero.

    `weights` are (channels, inputs, height, width), `bias` is (1, channels, 1, 1); raises ValueError if it is not.
    """
    if bias.shape != (1, len(weights), 1, 1):
        raise ValueError("the bias is not one number per channel")
    largest = np.maximum(np.abs(weights).max(axis=(1, 2, 3)), np.abs(bias).reshape(-1))
    pruned = np.flatnonzero(largest < MIN_WEIGHT)
    return pruned[: len(pruned) // BLOCK_CHANNELS * BLOCK_CHANNELS if len(pruned) < len(largest) else 0]
