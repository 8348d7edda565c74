"""The runner `cuda-onnx` on ONNX Runtime's build for CPUs: all but the choice of the device is as on a card."""

import sys
from collections.abc import Iterator

import pytest

import networks
from benchmarks.scoring import normalize
from ocr.errors import RunnerUnavailable
from ocr.types import Limits
from runners.base import Options
from runners.cuda_onnx import CudaOnnxRunner
from tests.fakes.project import DATA, PICTURES


def made(device: str | None) -> CudaOnnxRunner:
    return CudaOnnxRunner(Options("ppocrv6", threads=2, limits=Limits(2000, 200_000_000, 0.5), device=device))


@pytest.fixture(scope="module")
def runner() -> Iterator[CudaOnnxRunner]:
    """One where the package onnx is not installed, which the target does not bring."""
    loaded = made("cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "onnx", None)
        for name in ("graph", "onnx_rewrites", "unpadded"):  # as if they had not been imported yet
            patch.delitem(sys.modules, f"networks.{name}", raising=False)
            patch.delattr(networks, name, raising=False)
        loaded.load()
    yield loaded
    loaded.close()


@pytest.mark.parametrize("picture", PICTURES)
def test_every_line_is_read_in_reading_order(runner: CudaOnnxRunner, picture: str) -> None:
    found = runner.read((DATA / picture).read_bytes()).lines
    texts, wanted = [normalize(line.text) for line in found], [normalize(text) for text in PICTURES[picture]]
    if picture == "headlong.png":  # upside down: its order is that of the picture, not of the text
        texts, wanted = sorted(texts), sorted(wanted)
    assert texts == wanted


def test_without_a_card_it_says_what_is_missing() -> None:
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(RunnerUnavailable, match=r"gpu:0 .* nvidia-smi must list it"),
    ):
        made(None).load()
