"""Rewritten detectors give the same answers, or none where there is surely no text."""

import numpy as np
import pytest

from networks import early_exit
from networks.detectors import add_evidence, exit_early, find_takers, replace_transposed_convolutions, take_bytes
from networks.graph import Graph, cut
from tests.fakes.networks import Step, answers, answers_of_openvino, convolve, kinds, network, random

CHANNELS = 3


def head(*, normalized: bool = False, strides: tuple[int, int] = (2, 2), last: str = "Sigmoid") -> Graph:
    """DB's head: a map of five channels, doubled twice."""

    def double(graph: Graph, value: str, inputs: int, outputs: int) -> str:
        kernel = graph.add_constant(random(inputs, outputs, 2, 2))
        grown = graph.add("ConvTranspose", value, kernel, strides=list(strides))
        biased = graph.add("Add", graph.add_constant(random(1, outputs, 1, 1)), grown)
        if not normalized or outputs == 1:
            return biased
        gamma, beta, mean, variance = (graph.add_constant(abs(random(index, outputs)[0])) for index in range(1, 5))
        return graph.add("BatchNormalization", biased, gamma, beta, mean, variance)

    def both(graph: Graph, value: str) -> str:
        return graph.add(last, double(graph, graph.add("Relu", double(graph, value, 5, CHANNELS)), CHANNELS, 1))

    return network((None, 5, None, None), both)


@pytest.mark.parametrize("normalized", [False, True])
def test_a_head_without_transposed_convolutions_answers_the_same(normalized: bool) -> None:
    given = random(1, 5, 6, 7)
    expected = answers(head(normalized=normalized), given)[0]
    rewritten = head(normalized=normalized)
    assert replace_transposed_convolutions(rewritten)
    assert "ConvTranspose" not in kinds(rewritten)
    assert expected.shape == (1, 1, 24, 28)
    np.testing.assert_allclose(answers(rewritten, given)[0], expected, atol=1e-6)


@pytest.mark.parametrize("other", [head(strides=(1, 1)), head(last="Tanh")])
def test_another_head_stays_as_it_is(other: Graph) -> None:
    before = kinds(other)
    assert not replace_transposed_convolutions(other)
    assert kinds(other) == before


def test_pixels_are_taken_as_they_are() -> None:
    taking: Step = lambda graph, value: graph.add("Relu", value)  # noqa: E731
    graph = network((None, 3, None, None), taking)
    take_bytes(graph)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3), dtype=np.uint8)
    expected = np.maximum(0, (pixels.astype(np.float32) - 127.5) / 127.5).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(answers(graph, pixels)[0], expected, atol=1e-6)


def halves(graph: Graph, value: str) -> str:
    """Maps of 1/2, 1/4 and 1/8, the means of their pixels; a convolution of each, added up."""
    nowhere = graph.add_constant(np.zeros(0, np.float32))
    total = ""
    for depth in range(3):
        value = graph.add("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])
        scales = graph.add_constant(np.array([1, 1, 2 << depth, 2 << depth], dtype=np.float32))
        taken = convolve(graph, value, np.ones((1, 1, 1, 1), np.float32))
        graph.nodes("Conv")[-1].name = f"take{depth}"
        fine = graph.add("Resize", taken, nowhere, scales, mode="nearest")
        total = graph.add("Add", total, fine) if total else fine
    return total


PLANE = early_exit.Plane({"take2": [2.0], "take1": [1.0], "take0": []}, -60.0)


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
@pytest.mark.parametrize(("brightness", "text"), [(10.0, False), (19.0, False), (21.0, True), (200.0, True)])
@pytest.mark.parametrize("place", [np.s_[8:16, 24:32], np.s_[:8, :8], np.s_[16:, 32:]])
def test_the_rest_is_computed_if_any_cell_has_evidence(
    engine: str, brightness: float, text: bool, place: tuple[slice, slice]
) -> None:
    given = np.zeros((1, 1, 24, 40), dtype=np.float32)
    given[0, 0][place] = brightness  # 2 * brightness + brightness is 60 at 20
    graph = network((1, 1, None, None), halves)
    takers = find_takers(graph, PLANE.weights)
    maps = [node.input[0] for node in takers]
    evidence = add_evidence(graph, takers, PLANE)
    if engine == "openvino":
        exit_early(graph, evidence, takers)
        found, sure = answers_of_openvino(graph, given)
    else:
        start, rest = cut(graph, maps, 4, [evidence])
        *between, sure = answers(start, given)
        found = answers(rest, *between)[0] if sure.max() > 0 else np.zeros((1, 1, 0, 40), np.float32)
    np.testing.assert_allclose(sure, 3 * given[..., ::4, ::4] - 60, atol=1e-4)
    expected = answers(network((1, 1, None, None), halves), given)[0] if text else np.zeros((1, 1, 0, 40))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.shape == expected.shape
