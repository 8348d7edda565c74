"""A rewritten network gives the same answers."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops
from openvino.opset16 import identity

from networks.openvino_rewrites import (
    best_classes,
    fuse_squeeze_excitation,
    prune_channels,
    replace_concatenations,
    replace_transposed_convolutions,
    split,
)
from ocr.recognizer import SPACE_BONUS_NATS
from ocr.types import Limits
from runners.base import Options
from runners.openvino import OpenVinoRunner
from tests.fakes.networks import answer, random

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
    answers = openvino.compile_model(
        best_classes(classifier(classes, softmax=softmax), "x" * (classes - spaces)),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"},
    )(given)
    assert answers[0].tolist() == probabilities.argmax(axis=2, keepdims=True).tolist()
    np.testing.assert_allclose(answers[1], probabilities.max(axis=2, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("turned", [False, True])  # whether channels come before columns
def test_the_last_layer_is_one_of_its_own(turned: bool) -> None:
    features = random(2, 5, 7) if turned else random(2, 7, 5)

    def whole() -> openvino.Model:
        given = ops.parameter(features.shape, np.float32)
        weights = ops.constant(random(5, 53))
        logits = ops.add(ops.matmul(ops.relu(given), weights, turned, transpose_b=False), random(53, 1)[:, 0])
        return openvino.Model([ops.softmax(logits, 2)], [given])

    lines, classes = split(whole())
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
    rewritten = replace_transposed_convolutions(head(normalized=normalized))
    assert "ConvolutionBackpropData" not in kinds(rewritten)
    assert expected.shape == (1, 1, 24, 28)
    np.testing.assert_allclose(answer(rewritten, given), expected, atol=1e-6)


@pytest.mark.parametrize("other", [head(strides=(1, 1)), head(last="tanh")])
def test_another_head_stays_as_it_is(other: openvino.Model) -> None:
    before = kinds(other)
    assert kinds(replace_transposed_convolutions(other)) == before


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
    np.testing.assert_allclose(answer(fuse_squeeze_excitation(excited(copied=copied)), maps, gate), expected, atol=1e-6)
    last = fuse_squeeze_excitation(excited(copied=copied)).get_results()[0].input_value(0).get_node()
    assert last.get_type_name() == "Multiply"


def test_a_product_of_two_maps_stays_as_it_is() -> None:
    before = kinds(excited(sides=7))
    assert kinds(fuse_squeeze_excitation(excited(sides=7))) == before


def laid_on_one_another(
    depths: tuple[int, ...] = (2, 3), *, axis: int = 1, copied: bool = False, computed: bool = False
) -> openvino.Model:
    """Maps, joined along an axis to one of five channels, and a convolution of 3 x 3 with stride 2."""
    maps = [ops.parameter([-1, depth, -1, -1], np.float32) for depth in depths]
    joined = ops.concat(maps, axis)
    kernel = ops.constant(random(4, 5, 3, 3))
    convolved = ops.convolution(
        identity(joined) if copied else joined, ops.relu(kernel) if computed else kernel, [2, 2], [1, 1], [0, 1], [1, 1]
    )
    return openvino.Model([convolved], maps)


@pytest.mark.parametrize("copied", [False, True])
def test_maps_on_one_another_are_convolved_one_by_one(copied: bool) -> None:
    maps = random(2, 2, 8, 6), random(2, 3, 8, 6)
    expected = answer(laid_on_one_another(copied=copied), *maps)
    rewritten = replace_concatenations(laid_on_one_another(copied=copied))
    assert "Concat" not in kinds(rewritten)
    np.testing.assert_allclose(answer(rewritten, *maps), expected, atol=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        laid_on_one_another(computed=True),
        laid_on_one_another((5, 5), axis=2),  # one below the other
        laid_on_one_another((-1, 3)),  # of unknown depth
        laid_on_one_another((1, 1, 1, 1, 1)),
    ],
)
def test_other_convolutions_stay_as_they_are(other: openvino.Model) -> None:
    before = kinds(other)
    assert kinds(replace_concatenations(other)) == before


def gelu(given: openvino.Output) -> openvino.Node:
    """As ONNX files have it."""
    halved = ops.multiply(given, ops.add(ops.erf(ops.divide(given, np.float32(math.sqrt(2)))), np.float32(1)))
    return ops.multiply(halved, np.float32(0.5))


Activation = Callable[[openvino.Output], openvino.Node]


def dying(
    activation: Activation,
    *,
    dead: int,
    also: Activation | None = None,
    copied: bool = False,
    shape: tuple[int, ...] = (1, 48, 1, 1),
) -> openvino.Model:
    """Two convolutions with 48 channels between them, the first of which are dead; `also` takes these too.

    `shape` is that of the first one's bias.
    """
    given = ops.parameter([-1, 3, -1, -1], np.float32)
    weights, bias = random(48, 3, 1, 1), random(1, 48, 1, 1)
    weights[:dead] *= 1e-5
    bias[:, :dead] *= 1e-5
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
@pytest.mark.parametrize(("dead", "left"), [(20, 32), (36, 16), (15, 48), (0, 48)])  # in sixteens
@pytest.mark.parametrize("copied", [False, True])
def test_channels_that_are_zero_are_dropped(activation: Activation, dead: int, left: int, copied: bool) -> None:
    given = random(2, 3, 6, 7)
    expected = answer(dying(activation, dead=dead), given)
    rewritten = prune_channels(dying(activation, dead=dead, copied=copied))
    assert depths(rewritten) == [3, left]
    np.testing.assert_allclose(answer(rewritten, given), expected, atol=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        dying(ops.sigmoid, dead=20),  # of zero, one half
        dying(lambda value: ops.add(ops.relu(value), np.float32(1)), dead=20),
        dying(lambda value: gelu(ops.add(value, random(1, 48, 1, 1)).output(0)), dead=20),
        dying(ops.relu, dead=20, also=ops.abs),
        dying(ops.relu, dead=20, shape=(48, 1, 1)),
        dying(ops.relu, dead=48),
    ],
)
def test_other_channels_stay(other: openvino.Model) -> None:
    assert depths(prune_channels(other)) == [3, 48]


class Processor:
    """One that computes in these numbers."""

    def __init__(self, numbers: openvino.Type) -> None:
        self._numbers = numbers
        self.read_model = openvino.Core().read_model

    def get_property(self, device: str, name: str) -> openvino.Type:
        return {("CPU", "INFERENCE_PRECISION_HINT"): self._numbers}[device, name]


@pytest.mark.parametrize("numbers", [openvino.Type.f32, openvino.Type.bf16, openvino.Type.f16])
def test_sums_that_would_be_rounded_to_16_bits_stay_one(numbers: openvino.Type, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    openvino.save_model(laid_on_one_another(), path)
    runner = OpenVinoRunner(Options("", threads=1, limits=Limits(2000, 1_000_000, 0.5)))
    runner._core = Processor(numbers)
    assert ("Concat" in kinds(runner._read(path))) is (numbers != openvino.Type.f32)
