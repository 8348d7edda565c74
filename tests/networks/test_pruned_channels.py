"""Channels that are always zero are not computed."""

import numpy as np
import pytest

from networks.graph import Graph
from networks.pruned_channels import prune_channels
from tests.fakes.networks import Array, Step, answers, convolve, network, random

ONE = np.float32(1)


def relu(graph: Graph, value: str) -> str:
    return graph.add("Relu", value)


def sigmoid(graph: Graph, value: str) -> str:
    return graph.add("Sigmoid", value)


def gelu(graph: Graph, value: str, shift: Array | np.float32 = ONE) -> str:
    erf = graph.add("Erf", graph.add("Div", value, graph.add_constant(np.float32(2**0.5))))
    product = graph.add("Mul", value, graph.add("Add", erf, graph.add_constant(shift)))
    return graph.add("Mul", product, graph.add_constant(np.float32(0.5)))


def with_pruned(activation: Step, *, pruned: int, also: Step | None = None, shape: tuple[int, ...] = ()) -> Graph:
    """Two convolutions with 48 channels between them, of which the first are pruned; `also` takes these, too.

    `shape` is that of the first one's bias; without one, it is as in PP-OCR's files.
    """
    weights, bias = random(48, 3, 1, 1), random(1, 48, 1, 1)
    weights[:pruned] *= 1e-6
    bias[:, :pruned] *= 1e-6
    between = ""

    def both(graph: Graph, value: str) -> str:
        nonlocal between
        between = activation(graph, convolve(graph, value, weights, bias.reshape(shape or bias.shape)))
        return convolve(graph, between, random(5, 48, 3, 3))

    return network((None, 3, None, None), both, *([lambda graph, _: also(graph, between)] if also else []))


def depths(graph: Graph) -> list[int]:
    return [graph.read_constant(node.input[1]).shape[1] for node in graph.nodes("Conv")]


@pytest.mark.parametrize("activation", [gelu, relu])
@pytest.mark.parametrize(("pruned", "left"), [(20, 32), (36, 16), (15, 48), (0, 48)])  # in blocks of 16
def test_channels_that_are_zero_are_dropped(activation: Step, pruned: int, left: int) -> None:
    given = random(2, 3, 6, 7)
    rewritten = with_pruned(activation, pruned=pruned)
    assert prune_channels(rewritten) is (left < 48)
    assert depths(rewritten) == [3, left]
    expected = answers(with_pruned(activation, pruned=pruned), given)[0]
    np.testing.assert_allclose(answers(rewritten, given)[0], expected, atol=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        with_pruned(sigmoid, pruned=20),  # of zero, one half
        with_pruned(lambda graph, value: graph.add("Add", relu(graph, value), graph.add_constant(ONE)), pruned=20),
        with_pruned(lambda graph, value: gelu(graph, value, random(1, 48, 1, 1)), pruned=20),
        with_pruned(relu, pruned=20, also=sigmoid),
        with_pruned(relu, pruned=20, also=lambda _, value: value),
        with_pruned(relu, pruned=20, shape=(48, 1, 1)),
        with_pruned(relu, pruned=48),
    ],
)
def test_other_channels_stay(other: Graph) -> None:
    assert not prune_channels(other)
    assert depths(other) == [3, 48]


@pytest.mark.parametrize(("first", "second"), [(1, 48), (48, 1)])
def test_convolutions_of_each_channel_alone_stay(first: int, second: int) -> None:
    weights = random(48, 48 // first, 1, 1)
    weights[:20] *= 1e-6

    def depthwise(graph: Graph, value: str) -> str:
        grown = convolve(graph, value, weights, np.zeros((1, 48, 1, 1), np.float32), group=first)
        return convolve(graph, relu(graph, grown), random(48, 48 // second, 3, 3), group=second)

    graph = network((None, 48, None, None), depthwise)
    assert not prune_channels(graph)
    assert depths(graph) == [48 // first, 48 // second]
