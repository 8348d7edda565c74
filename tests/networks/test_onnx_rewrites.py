"""Detectors rewritten for ONNX Runtime give the same answers, or a zero where there is surely no text."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from networks import early_exit
from networks.graph import Graph
from networks.onnx_rewrites import add_early_exit, prune_channels
from tests.fakes.networks import random

Step = Callable[[Graph, str], str]


def network(channels: int, make: Callable[[Graph, str], list[str]]) -> onnx.ModelProto:
    """A network of one map with some channels."""
    given = helper.make_tensor_value_info("given", onnx.TensorProto.FLOAT, [None, channels, None, None])
    graph = helper.make_graph([], "network", [given], [])
    answers = make(Graph(graph), "given")
    graph.output.extend(helper.make_tensor_value_info(answer, onnx.TensorProto.FLOAT, [None] * 4) for answer in answers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)


def answers(model: onnx.ModelProto, given: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"given": given})  # type: ignore[no-any-return]


def answer(model: onnx.ModelProto, given: NDArray[np.float32]) -> NDArray[np.float32]:
    return answers(model, given)[0]


def number(value: float) -> NDArray[np.float32]:
    return np.array(value, dtype=np.float32)


def relu(graph: Graph, value: str) -> str:
    return graph.add("Relu", value)


ONE = number(1)


def gelu(graph: Graph, value: str, shift: NDArray[np.float32] = ONE) -> str:
    erf = graph.add("Erf", graph.add("Div", value, graph.add_constant(number(2**0.5))))
    product = graph.add("Mul", value, graph.add("Add", erf, graph.add_constant(shift)))
    return graph.add("Mul", product, graph.add_constant(number(0.5)))


def with_pruned(
    activation: Step,
    *,
    pruned: int,
    copied: bool = False,
    also: Step | None = None,
    shape: tuple[int, ...] = (1, 48, 1, 1),
) -> onnx.ModelProto:
    """Two convolutions with 48 channels between them, of which the first are pruned; `also` takes these, too.

    `shape` is that of the first one's bias.
    """
    weights, bias = random(48, 3, 1, 1), random(1, 48, 1, 1)
    weights[:pruned] *= 1e-6
    bias[:, :pruned] *= 1e-6

    def make(graph: Graph, given: str) -> list[str]:
        if len(shape) == 1:  # the convolution's own
            biased = graph.add("Conv", given, graph.add_constant(weights), graph.add_constant(bias.reshape(shape)))
        else:
            grown = graph.add("Conv", given, graph.add_constant(weights))
            biased = graph.add("Add", graph.add_constant(bias.reshape(shape)), grown)
        between = activation(graph, graph.add("Identity", biased) if copied else biased)
        found = [graph.add("Conv", between, graph.add_constant(random(5, 48, 3, 3)))]
        return [*found, also(graph, between)] if also else found

    return network(3, make)


def depths(model: onnx.ModelProto) -> list[int]:
    graph = Graph(model.graph)
    return [graph.read_constant(node.input[1]).shape[1] for node in graph.nodes("Conv")]


@pytest.mark.parametrize("activation", [gelu, relu])
@pytest.mark.parametrize(("pruned", "left"), [(20, 32), (36, 16), (15, 48), (0, 48)])  # in blocks of 16
@pytest.mark.parametrize("copied", [False, True])
def test_channels_that_are_zero_are_dropped(activation: Step, pruned: int, left: int, copied: bool) -> None:
    given = random(2, 3, 6, 7)
    rewritten = with_pruned(activation, pruned=pruned, copied=copied)
    assert prune_channels(rewritten) is (left < 48)
    assert depths(rewritten) == [3, left]
    np.testing.assert_allclose(
        answer(rewritten, given), answer(with_pruned(activation, pruned=pruned), given), atol=1e-4
    )


def sigmoid(graph: Graph, value: str) -> str:
    return graph.add("Sigmoid", value)


@pytest.mark.parametrize(
    "other",
    [
        with_pruned(sigmoid, pruned=20),  # of zero, one half
        with_pruned(lambda graph, value: graph.add("Add", relu(graph, value), graph.add_constant(ONE)), pruned=20),
        with_pruned(lambda graph, value: gelu(graph, value, random(1, 48, 1, 1)), pruned=20),
        with_pruned(relu, pruned=20, also=sigmoid),
        with_pruned(relu, pruned=20, also=lambda _, value: value),
        with_pruned(relu, pruned=20, shape=(48,)),
        with_pruned(relu, pruned=20, shape=(48, 1, 1)),
        with_pruned(relu, pruned=48),
    ],
)
def test_other_channels_stay(other: onnx.ModelProto) -> None:
    assert not prune_channels(other)
    assert depths(other) == [3, 48]


@pytest.mark.parametrize(("first", "second"), [(1, 48), (48, 1)])
def test_convolutions_of_each_channel_alone_stay(first: int, second: int) -> None:
    weights = random(48, 48 // first, 1, 1)
    weights[:20] *= 1e-6

    def make(graph: Graph, given: str) -> list[str]:
        grown = graph.add("Conv", given, graph.add_constant(weights), group=first)
        between = relu(graph, graph.add("Add", grown, graph.add_constant(np.zeros((1, 48, 1, 1), dtype=np.float32))))
        return [graph.add("Conv", between, graph.add_constant(random(48, 48 // second, 3, 3)), group=second)]

    depthwise = network(48, make)
    assert not prune_channels(depthwise)
    assert depths(depthwise) == [48 // first, 48 // second]
    answer(depthwise, random(1, 48, 6, 7))  # can be computed


def halves(graph: Graph, given: str) -> list[str]:
    """Maps of 1/2, 1/4 and 1/8, the means of their pixels; a convolution of each, added up."""
    one, nowhere = (
        graph.add_constant(np.ones((1, 1, 1, 1), dtype=np.float32)),
        graph.add_constant(np.zeros(0, np.float32)),
    )
    total, halved = "", given
    for depth in range(3):
        halved = graph.add("AveragePool", halved, kernel_shape=[2, 2], strides=[2, 2])
        scales = graph.add_constant(np.array([1, 1, 2 << depth, 2 << depth], dtype=np.float32))
        fine = graph.add("Resize", graph.add("Conv", halved, one, name=f"take{depth}"), nowhere, scales, mode="nearest")
        total = graph.add("Add", total, fine) if total else fine
    return [total]


PLANE = early_exit.Plane({"take2": [2.0], "take1": [1.0], "take0": []}, -60.0)


@pytest.mark.parametrize(("brightness", "text"), [(10.0, False), (19.0, False), (21.0, True), (200.0, True)])
@pytest.mark.parametrize("place", [np.s_[8:16, 24:32], np.s_[:8, :8], np.s_[16:, 32:]])
def test_the_rest_is_computed_if_any_place_is_on_the_positive_side(
    brightness: float, text: bool, place: tuple[slice, slice]
) -> None:
    given = np.zeros((1, 1, 24, 40), dtype=np.float32)
    given[0, 0][place] = brightness  # 2 * brightness + brightness is 60 at 20
    found, evidence = answers(add_early_exit(network(1, halves), PLANE), given)
    np.testing.assert_allclose(evidence, 3 * given[..., ::4, ::4] - 60, atol=1e-4)
    expected = answer(network(1, halves), given) if text else np.zeros((1, 1, 0, 0))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.shape == expected.shape
