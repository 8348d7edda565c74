from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from networks import int8
from networks.openvino_rewrites import prune_channels
from ocr.model_files import locate


@pytest.mark.parametrize(
    ("machine", "faster"), [("x86_64", True), ("AMD64", True), ("aarch64", False), ("arm64", False)]
)
def test_int8_is_faster_on_x86(machine: str, faster: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert int8.is_faster() is faster


CHANNELS = int8.MIN_INPUT_CHANNELS
RANGE = int8.InputRange(zero=128, scales=[2.0] * CHANNELS, means=[0.0] * CHANNELS)
"""Twice the largest values in these tests: on photos, few channels are near their largest at once."""


def convolution(
    channels: int = CHANNELS, kernel: int = 1, side: int = 16, strengths: NDArray[Any] | float = 1
) -> openvino.Model:
    chance = np.random.default_rng(0)
    given_ = ops.parameter([1, channels, side, side], np.float32)
    weights = ops.constant((chance.normal(size=(8, channels, kernel, kernel)) * strengths).astype(np.float32))
    result = ops.convolution(given_, weights, [1, 1], [kernel // 2] * 2, [kernel // 2] * 2, [1, 1])
    result.set_friendly_name("Conv.0")
    return openvino.Model([ops.relu(result)], [given_])


def answer(model: openvino.Model, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    run = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(run(batch)[0])


def error(
    batch: NDArray[np.float32], range_: int8.InputRange, strengths: NDArray[Any] | float = 1
) -> NDArray[np.float32]:
    """What quantization changes, per pixel, as a share of the largest output."""
    exact, model = answer(convolution(strengths=strengths), batch), convolution(strengths=strengths)
    int8.insert_quantization(model, {"Conv.0": range_})
    assert quantized(model)
    change: NDArray[np.float32] = (answer(model, batch) - exact) / np.abs(exact).max()
    return change


def quantized(model: openvino.Model) -> bool:
    return any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())


def batch(low: float, high: float) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(low, high, (1, CHANNELS, 16, 16)).astype(np.float32)


def test_a_quantized_convolution_gives_nearly_the_same() -> None:
    assert 0 < np.abs(error(batch(-1, 1), RANGE)).max() < 0.02


def test_a_channel_with_small_values_keeps_its_levels_beside_one_with_large_ones() -> None:
    sizes = np.where(np.arange(CHANNELS) % 8, 0.1, 1).astype(np.float32).reshape(1, -1, 1, 1)
    values = batch(-1, 1) * sizes
    values[:, ::8] = 0  # the large ones are rare: here there are none
    each, together = (
        np.abs(error(values, RANGE._replace(scales=scales.ravel().tolist()), 1 / sizes)).mean()
        for scales in (sizes, np.ones_like(sizes))
    )
    assert each < 0.5 * together


def test_rounded_weights_do_not_shift_the_mean() -> None:
    values = batch(0.8, 1)
    known = RANGE._replace(means=[0.9] * CHANNELS)
    shifts = [np.abs(error(values, range_).mean(axis=(2, 3))).max() for range_ in (known, RANGE)]
    assert shifts[0] < 0.3 * shifts[1]


@pytest.mark.parametrize(
    ("exact", "weights", "largest"),
    [(False, [0.5, 1, 1, -1], 1.5 / int8.MAX_PAIR_SUM), (False, [0.5, -1, 1, -0.1], 1), (True, [0.5, 1, 1, -1], 1)],
    ids=["neighbours add up", "they cancel each other", "sums have room"],
)
def test_where_sums_are_of_16_bits_neighbours_leave_room_for_each_other(
    exact: bool, weights: list[float], largest: float
) -> None:
    kernel = np.array(weights, dtype=np.float32).reshape(1, -1, 1, 1)
    assert int8.find_largest_weights(kernel, exact=exact) == pytest.approx([largest])


@pytest.mark.parametrize(
    ("cpuinfo", "exact"),
    [
        ("flags : sse4_1 avx2", False),
        ("flags : avx2 avx_vnni", True),
        ("flags : avx512f avx512_vnni", True),
        ("", False),
        (None, False),
    ],
)
def test_vnni_adds_up_in_32_bits(
    cpuinfo: str | None, exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "CPUINFO", tmp_path / "cpuinfo")
    if cpuinfo is not None:
        int8.CPUINFO.write_text(cpuinfo, "utf-8")
    assert int8.has_exact_sums() is exact


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (convolution(), "Conv.7"),
        (convolution(channels=CHANNELS - 1), "Conv.0"),
        (convolution(kernel=3), "Conv.0"),
        (convolution(side=1), "Conv.0"),
    ],
    ids=["not named", "few channels", "3 x 3", "over a mean"],
)
def test_other_convolutions_stay_in_floats(model: openvino.Model, name: str) -> None:
    int8.insert_quantization(model, {name: RANGE})
    assert not quantized(model)


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_the_file_knows_the_installed_models(model: str) -> None:
    for path in (locate(model).detector, locate(model).recognizer):
        network = openvino.Core().read_model(path)
        prune_channels(network)
        assert int8.quantize(network, path)
        assert [node.get_type_name() for node in network.get_ops()].count("FakeQuantize") > 20


def test_a_model_that_is_not_known_stays_as_it_is(tmp_path: Path) -> None:
    network, other = convolution(), tmp_path / "other.onnx"
    other.write_bytes(b"another model")
    assert not int8.quantize(network, other)
    assert not quantized(network)
