"""The runner `cuda-onnx` on ONNX Runtime's build for CPUs: all but the choice of the device is as on a card."""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import networks
from benchmarks.scoring import normalize
from ocr.errors import RunnerUnavailable
from ocr.types import Limits
from runners import nvidia
from runners.base import Options
from runners.cuda_onnx import CudaOnnxRunner
from runners.onnx import FurtherInputs, OnnxRunner
from runners.pipeline import Network
from tests.fakes.project import DATA, PICTURES

Outputs = Sequence[NDArray[np.float32]]
CARD = nvidia.Card("NVIDIA GeForce RTX 3060", (8, 6))


def made(device: str | None) -> CudaOnnxRunner:
    return CudaOnnxRunner(Options("ppocrv6", threads=2, limits=Limits(2000, 200_000_000, 0.5), device=device))


@pytest.fixture(scope="module")
def runner() -> Iterator[CudaOnnxRunner]:
    """One where the package onnx is not installed, which the target does not bring."""
    loaded = made("cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "onnx", None)
        for name in [name for name in sys.modules if name.startswith("networks.")]:  # as if not imported yet
            patch.delitem(sys.modules, name)
            patch.delattr(networks, name.removeprefix("networks."))
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


def test_without_a_card_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "find_cards", list)
    with pytest.raises(RunnerUnavailable, match=r"ONNX Runtime \S+ finds no card for gpu:0: nvidia-smi must list it"):
        made(None).load()


def test_where_the_provider_cannot_be_had_the_processor_is_not_used_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "find_cards", lambda: [CARD])
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(RunnerUnavailable, match=r"gpu:0 .* nvidia-smi must list it"),
    ):
        made(None).load()


class OnCard(CudaOnnxRunner):
    """One to which the processor is a card; `garble` changes what a network gives for its nth batch."""

    garble: Callable[[int, Outputs], Outputs] = staticmethod(lambda _, outputs: outputs)
    config: dict[str, object]

    def load_session(self, model: Path | bytes) -> onnxruntime.InferenceSession:
        return OnnxRunner.load_session(self, model)

    def make_network(self, session: onnxruntime.InferenceSession, inputs: FurtherInputs = lambda _: {}) -> Network:
        network, count = super().make_network(session, inputs), itertools.count()
        return lambda batch: self.garble(next(count), network(batch))


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> OnCard:
    monkeypatch.setattr(nvidia, "find_cards", lambda: [CARD])
    return OnCard(made("gpu:0")._options)


def test_a_card_that_reads_as_a_processor_does_is_used_and_named(card: OnCard) -> None:
    card.load()
    assert card.device == CARD.name
    texts = [line.text for line in card.read((DATA / "receipt.png").read_bytes()).lines]
    assert texts == PICTURES["receipt.png"]


def is_recognizer(outputs: Outputs) -> bool:
    return outputs[0].ndim == 3


def shift(_: int, outputs: Outputs) -> Outputs:
    """A recognizer that takes each character for its neighbour, as sure as ever."""
    return [np.roll(values, 1, axis=2) for values in outputs] if is_recognizer(outputs) else outputs


def lose_numbers(_: int, outputs: Outputs) -> Outputs:
    """A detector that finds no numbers."""
    return outputs if is_recognizer(outputs) else [values * np.float32(np.nan) for values in outputs]


def find_nothing(_: int, outputs: Outputs) -> Outputs:
    return outputs if is_recognizer(outputs) else [values * 0 for values in outputs]


def swap_lines(_: int, outputs: Outputs) -> Outputs:
    """A recognizer that is wrong in batches only."""
    if is_recognizer(outputs) and len(outputs[0]) > 8:
        return [np.concatenate([values[:-1], values[-1:] * 0]) for values in outputs]
    return outputs


def break_down(count: int, outputs: Outputs) -> Outputs:
    if count >= 3:
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 700: an illegal memory access ; GPU=0")
    return outputs


@pytest.mark.parametrize(
    ("garble", "told"),
    [
        (shift, "expected the lines .*'北京欢迎您'.*, came"),
        (lose_numbers, "expected numbers"),
        (find_nothing, r"came \[\]"),
        (swap_lines, "in a batch of 32 as alone"),
        (break_down, "CUDA failure 700"),
    ],
)
def test_a_card_that_does_not_is_not_used(card: OnCard, garble: Callable[[int, Outputs], Outputs], told: str) -> None:
    card.garble = garble
    with pytest.raises(RunnerUnavailable, match=f"^the self-test failed: .*{told}"):
        card.load()


def test_a_card_that_lacks_memory_for_a_moment_reads_the_same(card: OnCard) -> None:
    card.load()
    lacking = ["a batch", "a map"]

    def lack(_: int, outputs: Outputs) -> Outputs:
        kind = "a batch" if is_recognizer(outputs) else "a map"
        if kind in lacking and (kind == "a map" or len(outputs[0]) > 1):
            lacking.remove(kind)
            raise RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9")
        return outputs

    card.garble = lack
    texts = [line.text for line in card.read((DATA / "receipt.png").read_bytes()).lines]
    assert texts == PICTURES["receipt.png"]
    assert not lacking


def test_detector_and_recognizer_do_not_wait_for_each_other(card: OnCard) -> None:
    assert card.choose_lock() is not card.choose_lock()
    on_processor = made("cpu")
    assert on_processor.choose_lock() is on_processor.choose_lock()


def test_the_settings_of_the_card_are_those_that_keep_it_steady(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, object]] = []

    class Session:
        def __init__(self, _: object, providers: list[tuple[str, dict[str, object]]]) -> None:
            given.extend(config for _, config in providers)

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    made("gpu:1").load_session(b"")
    (config,) = given
    assert config["device_id"] == 1
    assert config["gpu_mem_limit"] == 1_000_000_000  # of 2000 MB, for each of two networks
    assert config["arena_extend_strategy"] == "kSameAsRequested"
    assert config["use_tf32"] == config["cudnn_conv_use_max_workspace"] == 0
