from pathlib import Path

import numpy as np
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from openvino import opset13 as ops

from ocr.models import locate
from runners import int8

X86 = "processor : 0\nflags\t\t: fpu sse2 avx2 {}\n"


@pytest.mark.parametrize(
    ("cpuinfo", "pays"),
    [
        (X86.format("avx512_vnni"), True),
        (X86.format("avx_vnni"), True),
        (X86.format(""), False),
        ("Features: neon", False),
    ],
)
def test_8_bits_pay_where_the_processor_multiplies_them_fast(
    cpuinfo: str, pays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "CPUINFO", tmp_path / "cpuinfo")
    int8.CPUINFO.write_text(cpuinfo, "utf-8")
    assert int8.pays() is pays


def test_without_proc_they_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "CPUINFO", tmp_path / "nothing")
    assert not int8.pays()


def convolution() -> openvino.Model:
    chance = np.random.default_rng(0)
    given_ = ops.parameter([1, 3, 16, 16], np.float32)
    weights = ops.constant(chance.normal(size=(8, 3, 3, 3)).astype(np.float32))
    result = ops.convolution(given_, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    result.set_friendly_name("Conv.0")
    return openvino.Model([result], [given_])


def answer(model: openvino.Model, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    run = openvino.compile_model(model, "CPU")
    return np.array(run(batch)[0])


def test_a_quantized_convolution_gives_nearly_the_same() -> None:
    batch = np.random.default_rng(1).uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)
    exact = answer(convolution(), batch)
    model = convolution()
    int8.insert(model, {"Conv.0": (-1.0, 1.0)})
    quantized = answer(model, batch)
    assert 0 < np.abs(quantized - exact).max() < 0.03 * np.abs(exact).max()


def test_a_convolution_without_a_range_stays_in_floats() -> None:
    model = convolution()
    int8.insert(model, {"Conv.7": (0.0, 1.0)})
    assert [node.get_type_name() for node in model.get_ops()].count("FakeQuantize") == 0


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_zero_is_one_of_the_levels(a: float, b: float) -> None:
    low, high = int8.levels(min(a, b), max(a, b) + 0.01)
    step = (high - low) / 255
    assert low <= 0 <= high
    assert abs(low / step - round(low / step)) < 1e-6


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_the_ranges_are_those_of_the_installed_models(model: str) -> None:
    for path in (locate(model).detector, locate(model).recognizer):
        network = openvino.Core().read_model(path)
        int8.quantize(network, path)
        assert [node.get_type_name() for node in network.get_ops()].count("FakeQuantize") > 20


def test_a_model_that_is_not_known_stays_as_it_is(tmp_path: Path) -> None:
    network, other = convolution(), tmp_path / "other.onnx"
    other.write_bytes(b"another model")
    int8.quantize(network, other)
    assert [node.get_type_name() for node in network.get_ops()].count("FakeQuantize") == 0
