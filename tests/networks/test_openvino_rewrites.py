"""A rewritten network gives the same answers."""

import math
from collections.abc import Callable

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops
from openvino.opset16 import identity

from networks.openvino_rewrites import (
    fuse_squeeze_excitation,
    pick_best_classes,
    prune_channels,
    replace_transposed_convolutions,
    split_last_layer,
)
from ocr.recognizer import SPACE_BONUS_NATS
from tests.fakes.networks import answer, answers, random

CHANNELS = 3


def head(*, normalized: bool = False, strides: tuple[int, int] = (2, 2), last: str = "sigmoid") -> openvino.Model:
    """DB's head: a map of five channels, doubled twice."""

    def doubled(value: openvino.Node, weights: NDArray[np.float32]) -> openvino.Node:
        outputs = weights.shape[1]
        grown = ops.convolution_backprop_data(
            value, ops.constant(weights), list(strides), pads_begin=[0, 0], pads_end=[0, 0], dilations=[1, 1]
        )
        biased = ops.add(ops.constant(random(1, outputs, 1, 1)), grown)
        if normalized and outputs > 1:
            gamma, beta, mean = (ops.constant(random(index, outputs)[0]) for index in range(1, 4))
            return ops.batch_norm_inference(biased, gamma, beta, mean, ops.constant(random(4, outputs)[0] ** 2), 1e-5)
        return biased

    given = ops.parameter([-1, 5, -1, -1], np.float32)
    inner = ops.relu(doubled(given, random(5, CHANNELS, 2, 2)))
    return openvino.Model([getattr(ops, last)(doubled(inner, random(CHANNELS, 1, 2, 2)))], [given])


def classifier(classes: int, *, softmax: bool = True, columns: int = 7) -> openvino.Model:
    """The end of a recognizer: columns with five features to the probabilities of classes."""
    given = ops.parameter([-1, columns, 5], np.float32)
    logits = ops.matmul(given, ops.constant(5 * random(5, classes)), transpose_a=False, transpose_b=False)
    return openvino.Model([ops.softmax(logits, 2) if softmax else logits], [given])


@pytest.mark.parametrize("classes", [60, 53, 1])  # 6 groups of 10; a prime, that is one group; a single class
@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("spaces", [True, False])  # whether there is a class for it
def test_the_best_class_is_that_of_all_probabilities(classes: int, softmax: bool, spaces: bool) -> None:
    given = random(2, 7, 5)
    probabilities = answer(classifier(classes, softmax=softmax), given)
    if softmax and spaces:  # what is not a probability is not favoured
        probabilities[..., -1] *= math.exp(SPACE_BONUS_NATS)
        probabilities /= probabilities.sum(axis=2, keepdims=True)
    model, favours_spaces = pick_best_classes(classifier(classes, softmax=softmax), "x" * (classes - spaces))
    assert favours_spaces is (softmax and spaces)
    best, probability = answers(model, given)
    assert best.tolist() == probabilities.argmax(axis=2, keepdims=True).tolist()
    np.testing.assert_allclose(probability, probabilities.max(axis=2, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("turned", [False, True])  # whether channels come before columns
def test_the_last_layer_is_one_of_its_own(turned: bool) -> None:
    features = random(2, 5, 7) if turned else random(2, 7, 5)

    def whole() -> openvino.Model:
        given = ops.parameter(features.shape, np.float32)
        weights = ops.constant(random(5, 53))
        logits = ops.add(ops.matmul(ops.relu(given), weights, turned, transpose_b=False), random(53, 1)[:, 0])
        return openvino.Model([ops.softmax(logits, 2)], [given])

    lines, classes = split_last_layer(whole())
    columns = answer(lines, features)
    assert columns.shape == (2, 7, 5)
    found = [answer(classes, columns[np.newaxis, index]) for index in range(2)]
    np.testing.assert_allclose(np.concatenate(found), answer(whole(), features), rtol=1e-5)


def kinds(model: openvino.Model) -> list[str]:
    return [node.get_type_name() for node in model.get_ops()]


@pytest.mark.parametrize("normalized", [False, True])
def test_a_head_without_transposed_convolutions_answers_the_same(normalized: bool) -> None:
    given = random(1, 5, 6, 7)
    expected = answer(head(normalized=normalized), given)
    rewritten = head(normalized=normalized)
    assert replace_transposed_convolutions(rewritten)
    assert "ConvolutionBackpropData" not in kinds(rewritten)
    assert expected.shape == (1, 1, 24, 28)
    np.testing.assert_allclose(answer(rewritten, given), expected, atol=1e-6)


@pytest.mark.parametrize("other", [head(strides=(1, 1)), head(last="tanh")])
def test_another_head_stays_as_it_is(other: openvino.Model) -> None:
    before = kinds(other)
    assert not replace_transposed_convolutions(other)
    assert kinds(other) == before


def excited(*, copied: bool = False, sides: int = 1) -> openvino.Model:
    """A map and the same multiplied by a gate for each channel, added up."""
    given = ops.parameter([-1, 5, -1, -1], np.float32)
    features = ops.relu(given)
    gate = ops.sigmoid(ops.parameter([-1, 5, sides, sides], np.float32))
    product = ops.multiply(features, gate)
    total = ops.add(identity(product) if copied else product, features)
    return openvino.Model([total], [given, gate.input_value(0).get_node()])


@pytest.mark.parametrize("copied", [False, True])
def test_a_gate_and_one_are_multiplied_at_once(copied: bool) -> None:
    maps, gate = random(2, 5, 6, 7), random(2, 5, 1, 1)
    expected = answer(excited(copied=copied), maps, gate)
    fused = excited(copied=copied)
    assert fuse_squeeze_excitation(fused)
    np.testing.assert_allclose(answer(fused, maps, gate), expected, atol=1e-6)
    assert fused.get_results()[0].input_value(0).get_node().get_type_name() == "Multiply"


def test_a_product_of_two_maps_stays_as_it_is() -> None:
    product = excited(sides=7)
    before = kinds(product)
    assert not fuse_squeeze_excitation(product)
    assert kinds(product) == before


def gelu(given: openvino.Output) -> openvino.Node:
    """As ONNX files have it."""
    halved = ops.multiply(given, ops.add(ops.erf(ops.divide(given, np.float32(math.sqrt(2)))), np.float32(1)))
    return ops.multiply(halved, np.float32(0.5))


Activation = Callable[[openvino.Output], openvino.Node]


def with_pruned(
    activation: Activation,
    *,
    pruned: int,
    also: Activation | None = None,
    copied: bool = False,
    shape: tuple[int, ...] = (1, 48, 1, 1),
) -> openvino.Model:
    """Two convolutions with 48 channels between them, of which the first are pruned; `also` takes these, too.

    `shape` is that of the first one's bias.
    """
    given = ops.parameter([-1, 3, -1, -1], np.float32)
    weights, bias = random(48, 3, 1, 1), random(1, 48, 1, 1)
    weights[:pruned] *= 1e-5
    bias[:, :pruned] *= 1e-5
    sides = [1, 1], [0, 0], [0, 0], [1, 1]
    biased = ops.add(ops.constant(bias.reshape(shape)), ops.convolution(given, ops.constant(weights), *sides))
    between = activation((identity(biased) if copied else biased).output(0))
    results = [ops.convolution(between, ops.constant(random(5, 48, 3, 3)), *sides)]
    return openvino.Model(results + ([also(between.output(0))] if also else []), [given])


def depths(model: openvino.Model) -> list[int]:
    return [
        node.input_value(1).get_shape()[1] for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"
    ]


@pytest.mark.parametrize("activation", [gelu, ops.relu])
@pytest.mark.parametrize(("pruned", "left"), [(20, 32), (36, 16), (15, 48), (0, 48)])  # in blocks of 16
@pytest.mark.parametrize("copied", [False, True])
def test_channels_that_are_zero_are_dropped(activation: Activation, pruned: int, left: int, copied: bool) -> None:
    given = random(2, 3, 6, 7)
    expected = answer(with_pruned(activation, pruned=pruned), given)
    rewritten = with_pruned(activation, pruned=pruned, copied=copied)
    assert prune_channels(rewritten) is (left < 48)
    assert depths(rewritten) == [3, left]
    np.testing.assert_allclose(answer(rewritten, given), expected, atol=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        with_pruned(ops.sigmoid, pruned=20),  # of zero, one half
        with_pruned(lambda value: ops.add(ops.relu(value), np.float32(1)), pruned=20),
        with_pruned(lambda value: gelu(ops.add(value, random(1, 48, 1, 1)).output(0)), pruned=20),
        with_pruned(ops.relu, pruned=20, also=ops.abs),
        with_pruned(ops.relu, pruned=20, shape=(48, 1, 1)),
        with_pruned(ops.relu, pruned=48),
    ],
)
def test_other_channels_stay(other: openvino.Model) -> None:
    assert not prune_channels(other)
    assert depths(other) == [3, 48]
