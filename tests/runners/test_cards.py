"""What the runners on PaddlePaddle and PyTorch do with a card before they load anything: engines in name only."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ocr.errors import RunnerUnavailable
from ocr.types import Limits
from runners import nvidia
from runners.base import Options
from runners.cuda import CudaRunner
from runners.mmocr_onnx import MmocrOnnxRunner
from runners.nvidia import Card

CARDS = [Card("NVIDIA GeForce RTX 3060", (8, 6)), Card("NVIDIA H100", (9, 0))]
ON_CARD = [(0.25, "cuda:0"), "loaded", "tested"]


def choose(card: int, *, version: str = "2.6.2", seen: int = 2, cudnn: int | None = 8600) -> str:
    """The name of the card that PaddlePaddle is to read on."""
    paddle = SimpleNamespace(
        __version__=version,
        version=SimpleNamespace(cuda=lambda: "11.8"),
        is_compiled_with_cuda=lambda: True,
        device=SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: seen), get_cudnn_version=lambda: cudnn),
    )
    runner: Any = SimpleNamespace(_paddle=paddle)
    return CudaRunner._choose_card(runner, card)


def test_paddlepaddle_takes_the_cards_that_it_has_code_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "find_cards", lambda: CARDS)
    assert choose(0) == CARDS[0].name
    with pytest.raises(
        RunnerUnavailable, match=r"H100, .* 9\.0, and PaddlePaddle 2\.6\.2 \(CUDA 11\.8\) holds code for"
    ):
        choose(1)
    assert choose(1, version="3.3.1") == CARDS[1].name
    with pytest.raises(RunnerUnavailable, match="needs a driver for that CUDA or newer"):
        choose(0, seen=0)
    with pytest.raises(RunnerUnavailable, match="cannot find cuDNN"):
        choose(0, cudnn=None)


class Torch(ModuleType):
    """PyTorch with a card of 8 GB."""

    Tensor = object

    def __init__(self) -> None:
        super().__init__("torch")
        self.done: list[object] = []
        self.cuda = SimpleNamespace(
            device_count=lambda: 1,
            get_device_name=lambda _: CARDS[0].name,
            get_device_properties=lambda _: SimpleNamespace(total_memory=8 * 10**9),
            set_per_process_memory_fraction=lambda share, device: self.done.append((share, device)),
        )
        self.set_num_threads = lambda _: None


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Torch]:
    made = Torch()
    imports, config = ModuleType("runners.mmocr_imports"), ModuleType("mmengine.config")
    imports.CONFIGS, imports.DETECTOR, imports.RECOGNIZER = Path(), None, None  # type: ignore[attr-defined]
    config.Config = None  # type: ignore[attr-defined]
    for module in (made, imports, config, ModuleType("mmengine")):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(MmocrOnnxRunner, "load", lambda _: made.done.append("loaded"))
    monkeypatch.setattr(MmocrOnnxRunner, "test_itself", lambda _: made.done.append("tested"))
    yield made
    sys.modules.pop("runners.mmocr", None)


@pytest.mark.parametrize(("device", "done"), [(None, ON_CARD), ("gpu", ON_CARD), ("cpu", ["loaded"])])
def test_mmocr_keeps_to_its_memory_and_tests_itself_on_a_card(
    torch: Torch, device: str | None, done: list[object]
) -> None:
    options = Options("ppocrv6", 1, Limits(2000, 10**6, 0), device=device, gpu_memory=2 * 10**9)
    runner = import_module("runners.mmocr").MmocrRunner(options)
    runner.load()
    assert torch.done == done
    assert runner.device == ("CPU" if device == "cpu" else CARDS[0].name)
