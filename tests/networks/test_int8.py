"""Convolutions in int8 give nearly the same, on either engine."""

from pathlib import Path

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray

from networks import fitted_values, int8, processor
from networks.graph import Graph, read
from networks.pruned_channels import prune_channels
from ocr.model_files import locate
from tests.fakes.networks import Array, answers, answers_of_openvino, convolve, kinds, network

CHANNELS = int8.MIN_INPUT_CHANNELS
RANGE = int8.InputRange(zero=128, scales=[2.0] * CHANNELS, means=[0.0] * CHANNELS)
"""Twice the largest values in these tests: on photos, few channels are near their largest at once."""
FORMS = {"openvino": int8.convolve, "onnx": int8.multiply_bytes}
FILE = Path("model.onnx")


def convolution(*, biased: bool = True, strengths: Array | float = 1) -> Graph:
    chance = np.random.default_rng(0)
    weights = (chance.normal(size=(8, CHANNELS, 1, 1)) * strengths).astype(np.float32)
    bias = chance.normal(size=(1, 8, 1, 1)).astype(np.float32) if biased else None
    graph = network(
        (1, CHANNELS, 16, 16), lambda graph, value: graph.add("Relu", convolve(graph, value, weights, bias))
    )
    graph.nodes("Conv")[0].name = "Conv.0"
    return graph


@pytest.fixture(params=FORMS)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def quantize(graph: Graph, engine: str, known: dict[str, int8.InputRange], *, pairs: bool = False) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        ranges = {name: values._asdict() for name, values in known.items()}
        patch.setattr(fitted_values, "find", lambda name, path: ranges if (name, path) == ("int8", FILE) else None)
        return int8.quantize(graph, FILE, FORMS[engine], pairs=pairs)


def error(engine: str, batch: Array, range_: int8.InputRange, strengths: Array | float = 1) -> Array:
    """What quantization changes, per pixel, as a share of the largest output."""
    (exact,) = answers(convolution(strengths=strengths), batch)
    graph = convolution(strengths=strengths)
    assert quantize(graph, engine, {"Conv.0": range_})
    assert quantized(graph)
    (found,) = (answers_of_openvino if engine == "openvino" else answers)(graph, batch)
    change: Array = (found - exact) / np.abs(exact).max()
    return change


def quantized(graph: Graph) -> bool:
    return not {"FakeQuantize", "QuantizeLinear"}.isdisjoint(kinds(graph))


def batch(low: float, high: float) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(low, high, (1, CHANNELS, 16, 16)).astype(np.float32)


def test_a_quantized_convolution_gives_nearly_the_same(engine: str) -> None:
    assert 0 < np.abs(error(engine, batch(-1, 1), RANGE)).max() < 0.02


@pytest.mark.parametrize("zero", [1, 20, 128])
def test_the_levels_may_lie_on_one_side_of_zero(engine: str, zero: int) -> None:
    lowest = -2 * zero / (255 - zero)
    assert np.abs(error(engine, batch(lowest / 2, 1), RANGE._replace(zero=zero))).max() < 0.02


@pytest.mark.parametrize("inside", [False, True])
def test_the_bias_may_be_missing_or_inside_the_convolution(engine: str, inside: bool) -> None:
    (exact,), graph = answers(convolution(biased=inside), batch(-1, 1)), convolution(biased=inside)
    if inside:
        (node,), (added,), (end,) = (graph.nodes(kind) for kind in ("Conv", "Add", "Relu"))
        node.input.append(graph.add_constant(graph.read_constant(added.input[0]).reshape(-1)))
        end.input[:] = node.output
    quantize(graph, engine, {"Conv.0": RANGE})
    (found,) = (answers_of_openvino if engine == "openvino" else answers)(graph, batch(-1, 1))
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()


def test_a_channel_with_small_values_keeps_its_levels_beside_one_with_large_ones(engine: str) -> None:
    sizes = np.where(np.arange(CHANNELS) % 8, 0.1, 1).astype(np.float32).reshape(1, -1, 1, 1)
    values = batch(-1, 1) * sizes
    values[:, ::8] = 0  # the large ones are rare: here there are none
    each, together = (
        np.abs(error(engine, values, RANGE._replace(scales=scales.ravel().tolist()), np.float32(1) / sizes)).mean()
        for scales in (sizes, np.ones_like(sizes))
    )
    assert each < 0.5 * together


def test_rounded_weights_do_not_shift_the_mean(engine: str) -> None:
    values = batch(0.8, 1)
    known = RANGE._replace(means=[0.9] * CHANNELS)
    shifts = [np.abs(error(engine, values, range_).mean(axis=(2, 3))).max() for range_ in (known, RANGE)]
    assert shifts[0] < 0.3 * shifts[1]


@pytest.mark.parametrize(
    ("exact", "weights", "largest"),
    [(False, [0.5, 1, 1, -1], 1.5 / int8.MAX_PAIR_SUM), (False, [0.5, -1, 1, -0.1], 1), (True, [0.5, 1, 1, -1], 1)],
    ids=["neighbours add up", "they cancel each other", "sums have room"],
)
def test_where_sums_are_of_16_bits_neighbours_leave_room_for_each_other(
    exact: bool, weights: list[float], largest: float
) -> None:
    assert int8.find_largest_weights(np.array([weights], dtype=np.float32), exact=exact) == pytest.approx([largest])


def test_convolutions_without_values_stay_in_floats_and_values_without_one_are_logged(
    engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    graph = convolution()
    assert not quantize(graph, engine, {"Conv.7": RANGE})
    assert not quantized(graph)
    assert "model.onnx has no Conv.7" in caplog.text


@pytest.mark.skipif(not processor.is_faster_in_int8(), reason="the runner does without there")
@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_openvino_computes_the_installed_models_in_int8(model: str) -> None:
    for path in (locate(model).detector, locate(model).recognizer):
        graph = read(path)
        prune_channels(graph)
        assert int8.quantize(graph, path, int8.convolve)
        compiled = openvino.compile_model(openvino.Core().read_model(graph.sort().SerializeToString()), "CPU")
        layers = compiled.get_runtime_model().get_ops()
        kinds_ = [layer.get_rt_info()["primitiveType"].astype(str) for layer in layers]
        assert sum(kind.endswith("I8") for kind in kinds_) >= len(fitted_values.find("int8", path))


def test_of_pairs_only_those_with_a_relu_or_gelu_between_them_are_quantized() -> None:
    def build(graph: Graph, value: str) -> str:
        for name, kind in (("first", "Relu"), ("second", "Sigmoid"), ("third", "Relu")):
            weights = np.eye(CHANNELS, dtype=np.float32).reshape(CHANNELS, CHANNELS, 1, 1)
            value = graph.add(kind, convolve(graph, value, weights, np.zeros((1, CHANNELS, 1, 1), np.float32)))
            graph.nodes("Conv")[-1].name = name
        return value

    graph = network((1, CHANNELS, 16, 16), build)
    assert quantize(graph, "onnx", dict.fromkeys(("first", "second", "third"), RANGE), pairs=True)
    assert kinds(graph).count("MatMulIntegerToFloat") == 2
    assert [node.name for node in graph.sort().graph.node if node.op_type == "Conv"] == ["third"]


def test_a_model_that_is_not_known_stays_as_it_is(tmp_path: Path) -> None:
    graph, other = convolution(), tmp_path / "other.onnx"
    other.write_bytes(b"another model")
    assert not int8.quantize(graph, other, int8.convolve)
    assert not quantized(graph)
