"""NVIDIA's cards, as its driver lists them, and its libraries, as packages bring them."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr.errors import RunnerUnavailable
from runners import cuda_onnx, nvidia
from runners.nvidia import Card
from runners.registry import RUNNERS

CARDS = [Card("NVIDIA GeForce RTX 3060", (8, 6)), Card("NVIDIA GeForce RTX 5090", (12, 0)), Card("GTX 980", (5, 2))]
PADDLE = (6, 1), (8, 9)


class Driver:
    """NVIDIA's, with the cards above."""

    def __init__(self, code: int = 0) -> None:
        self._code = code

    def cuInit(self, flags: int) -> int:
        return self._code or flags

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = len(CARDS)
        return 0

    def cuDeviceGet(self, device: Any, number: int) -> int:
        device._obj.value = 40 + number
        return 0

    def cuDeviceGetName(self, name: Any, length: int, device: ctypes.c_int) -> int:
        name.value = CARDS[device.value - 40].name.encode()[: length - 1]
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: ctypes.c_int) -> int:
        value._obj.value = CARDS[device.value - 40].capability[attribute - nvidia.CAPABILITY_MAJOR]
        return 0


def with_driver(monkeypatch: pytest.MonkeyPatch, driver: Driver) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)


@pytest.fixture
def _packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two packages with a library each."""
    for name in ("cudnn/lib/libcudnn.so.8", "cublas/lib/libcublas.so.11"):
        library = tmp_path / "nvidia" / name
        library.parent.mkdir(parents=True)
        library.write_text(name, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    yield
    nvidia.clean_up()


@pytest.mark.usefixtures("_packages")
def test_libraries_are_found_with_and_without_their_versions() -> None:
    folder, others = nvidia.make_environment()["LD_LIBRARY_PATH"].split(os.pathsep)
    assert others == "/somewhere"
    assert {path.name: path.read_text("utf-8") for path in Path(folder).iterdir()} == {
        "libcudnn.so": "cudnn/lib/libcudnn.so.8",
        "libcudnn.so.8": "cudnn/lib/libcudnn.so.8",
        "libcublas.so": "cublas/lib/libcublas.so.11",
        "libcublas.so.11": "cublas/lib/libcublas.so.11",
    }
    assert nvidia.make_environment()["LD_LIBRARY_PATH"].startswith(folder)
    nvidia.clean_up()
    assert not Path(folder).exists()


def test_there_is_a_driver_if_its_library_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "DRIVER", "libc.so.6")
    assert nvidia.has_driver()
    monkeypatch.setattr(nvidia, "DRIVER", "libnone.so.1")
    assert not nvidia.has_driver()


def test_the_driver_lists_its_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, Driver())
    assert nvidia.find_cards() == CARDS


def test_without_a_driver_or_without_a_card_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "DRIVER", "libnone.so.1")
    assert nvidia.find_cards() == []
    with_driver(monkeypatch, Driver(nvidia.NO_DEVICE))
    assert nvidia.find_cards() == []
    with pytest.raises(RunnerUnavailable, match="ONNX Runtime finds no card for gpu:0: nvidia-smi must list it"):
        nvidia.choose_card(0, "ONNX Runtime")


def test_a_driver_that_does_not_work_is_no_machine_without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, Driver(803))
    with pytest.raises(RunnerUnavailable, match=r"driver does not work \(CUDA error 803\)"):
        nvidia.find_cards()


def test_a_card_with_code_for_it_is_taken_and_one_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "find_cards", lambda: CARDS)
    assert nvidia.choose_card(0, "PaddlePaddle", PADDLE) is CARDS[0]
    assert nvidia.choose_card(1, "ONNX Runtime", cuda_onnx.CAPABILITIES) is CARDS[1]
    assert nvidia.choose_card(2, "PaddlePaddle 3") is CARDS[2]
    with pytest.raises(RunnerUnavailable, match=r"^OCR_DEVICE=gpu:3: there are 3 cards, the first is gpu:0$"):
        nvidia.choose_card(3, "ONNX Runtime")


@pytest.mark.parametrize(
    ("number", "capabilities", "told"),
    [
        (1, PADDLE, "RTX 5090, has compute capability 12.0, and X holds code for 6.1 to 8.9: use OCR_RUNNER=cuda-onnx"),
        (2, PADDLE, "GTX 980, has compute capability 5.2, and X holds code for 6.1 to 8.9: use the processor, with "),
        (
            2,
            cuda_onnx.CAPABILITIES,
            "5.2, and X holds code for 6.0 or newer: use the processor, with OCR_RUNNER=openvi",
        ),
    ],
)
def test_a_card_without_code_for_it_is_named_and_what_to_do(
    number: int, capabilities: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia, "find_cards", lambda: CARDS)
    with pytest.raises(RunnerUnavailable) as raised:
        nvidia.choose_card(number, "X", capabilities)
    assert told in str(raised.value)


@pytest.mark.parametrize("name", [name for name, entry in RUNNERS.items() if entry.card != "unused"])
def test_no_card_rounds_more_than_a_processor_does(name: str) -> None:
    assert RUNNERS[name].environment()["NVIDIA_TF32_OVERRIDE"] == "0"
    nvidia.clean_up()
