"""Rewrites a detector so that engines need less time for the same answer (docs/adr/0010, 0020)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from networks.early_exit import Plane
from networks.graph import Graph, read_attribute

Array = NDArray[np.float32]

ALL = 1 << 20  # rows, more than there are; without AVX2, OpenVINO chooses in float32, where 2**31 - 1 turns negative


@dataclass(frozen=True, slots=True)
class _Doubling:
    """A transposed convolution that doubles height and width, with the activation behind it."""

    weights: Array
    """(outputs, 2, 2, inputs)"""
    bias: Array
    """(outputs,)"""
    activation: onnx.NodeProto


def take_bytes(graph: Graph) -> None:
    """Make a detector take pixels as they are, (1, H, W, 3) in 0..255, instead of (1, 3, H, W) in -1..1."""
    pixels, scaled = graph.replace_input([1, "height", "width", 3], onnx.TensorProto.UINT8)
    planes = graph.add("Transpose", graph.add("Cast", pixels, to=onnx.TensorProto.FLOAT), perm=[0, 3, 1, 2])
    half = graph.add_constant(np.float32(127.5))
    graph.replace(scaled, graph.add("Div", graph.add("Sub", planes, half), half))


def replace_transposed_convolutions(graph: Graph) -> bool:
    """Make a detector's head work at a quarter of the size, and put the pixels in their places at the end.

    DB's head (Liao et al. 2019, https://arxiv.org/abs/1911.08947) doubles the map twice, each time by a
    transposed convolution of 2 x 2 with stride 2. This is a convolution of 1 x 1 to four times the channels
    whose results are then put side by side, and that can wait until the end.
    """
    transposed = graph.nodes("ConvTranspose")
    try:
        first, second = (_read_doubling(graph, node) for node in transposed)
    except ValueError:  # not two, or not of that kind
        return False
    if [first.activation.op_type, second.activation.op_type] != ["Relu", "Sigmoid"] or len(second.bias) != 1:
        return False
    channels = len(first.bias)
    blocks = np.zeros((4, 4, 4, channels), dtype=np.float32)  # pixels within pixels: inner, outer; outer, channels
    for outer in range(4):
        blocks[:, outer, outer] = second.weights.reshape(4, channels)
    # DepthToSpace takes the rows of the 4 x 4 block first: row 2 * outer + inner, and columns likewise
    weights = blocks.reshape(2, 2, 2, 2, 4 * channels).transpose(2, 0, 3, 1, 4).reshape(16, 4 * channels)
    inner_weights = first.weights.transpose(1, 2, 0, 3).reshape(4 * channels, -1)
    quarter = graph.add("Relu", _convolve(graph, transposed[0].input[0], inner_weights, np.tile(first.bias, 4)))
    probability = graph.add("Sigmoid", _convolve(graph, quarter, weights, np.tile(second.bias, 16)))
    graph.replace(second.activation.output[0], graph.add("DepthToSpace", probability, blocksize=4))
    return True


def _convolve(graph: Graph, value: str, weights: Array, bias: Array) -> str:
    kernel = graph.add_constant(weights[:, :, np.newaxis, np.newaxis])
    return graph.add("Add", graph.add("Conv", value, kernel), graph.add_constant(bias.reshape(1, -1, 1, 1)))


def _read_doubling(graph: Graph, node: onnx.NodeProto) -> _Doubling:
    """What a transposed convolution and the operations behind it do; raises ValueError if it is of another kind."""
    kernel = graph.read_constant(node.input[1])  # (inputs, outputs, height, width)
    plain = not any(read_attribute(node, "pads", []) + read_attribute(node, "output_padding", []))
    doubles = kernel.shape[2:] == (2, 2) and read_attribute(node, "strides", []) == [2, 2]
    if not doubles or not plain or len(node.input) != 2:
        raise ValueError("not a doubling by 2 x 2 pixels")
    weights, bias = kernel.transpose(1, 2, 3, 0), np.zeros(kernel.shape[1], dtype=np.float32)
    while True:
        last, node = node, graph.find_consumer(node.output[0])
        match node.op_type:
            case "Add":
                (added,) = (value for value in node.input if value != last.output[0])
                bias = bias + graph.read_constant(added).reshape(-1)
            case "BatchNormalization":
                gamma, beta, mean, variance = (graph.read_constant(value) for value in node.input[1:])
                factor = gamma / np.sqrt(variance + np.float32(read_attribute(node, "epsilon", 1e-5)))
                weights, bias = weights * factor[:, np.newaxis, np.newaxis, np.newaxis], (bias - mean) * factor + beta
            case _:
                return _Doubling(weights, bias, node)


def find_takers(graph: Graph, names: Iterable[str]) -> Sequence[onnx.NodeProto]:
    """The convolutions of these names, which take the maps of a plane to the second half of a detector."""
    by_name = {node.name: node for node in graph.nodes("Conv")}
    return [by_name[name] for name in names]


def add_evidence(graph: Graph, takers: Sequence[onnx.NodeProto], plane: Plane) -> str:
    """Make a detector also answer how far each cell is on the text side of the plane, (1, 1, H, W); its name.

    The cells are those of the finest map with weights; `takers` are the convolutions that take the maps.
    """
    weighted = zip(takers, plane.weights.values(), strict=True)
    first, *finer = (_side(graph, node.input[0], weights) for node, weights in weighted if weights)
    total = graph.add("Add", first, graph.add_constant(np.float32(plane.bias)))
    for side in finer:
        nowhere, twice = (graph.add_constant(np.array(sizes, dtype=np.float32)) for sizes in ([], [1, 1, 2, 2]))
        total = graph.add("Add", side, graph.add("Resize", total, nowhere, twice, mode="nearest"))
    graph.add_output(total, rank=4)
    return total


def _side(graph: Graph, value: str, weights: Sequence[float]) -> str:
    return graph.add("Conv", value, graph.add_constant(np.array(weights, dtype=np.float32).reshape(1, -1, 1, 1)))


def exit_early(graph: Graph, evidence: str, takers: Sequence[onnx.NodeProto]) -> None:
    """Make a detector answer a map without rows if no cell has evidence of text: its second half is then given none.

    This is for OpenVINO, which passes over operations that are given nothing. The operation If would do the same, but
    OpenVINO copies what is given to its branch twice, in float32 and another layout.
    """
    text = graph.add("Greater", graph.add("ReduceMax", evidence, keepdims=0), graph.add_constant(np.float32(0)))
    rows = graph.add("Where", text, *(graph.add_constant(np.array([rows])) for rows in (ALL, 0)))
    start, axis = (graph.add_constant(np.array([value])) for value in (0, 2))
    for node in takers:
        graph.redirect(node.input[0], graph.add("Slice", node.input[0], start, rows, axis), [node])
