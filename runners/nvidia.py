"""NVIDIA's cards on this machine, and its software: the driver, and the libraries in its packages."""

import ctypes
import os
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ocr.errors import RunnerUnavailable

DRIVER = "libcuda.so.1"
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...
ANY = (0, 0), (1000, 0)

FULL_PRECISION = {"NVIDIA_TF32_OVERRIDE": "0"}
"""Keeps a process from rounding what it multiplies to 10 bits, as cards since RTX 30 do where an engine lets them."""


class Card(NamedTuple):
    """A card: its name, and its compute capability, such as (8, 9)."""

    name: str
    capability: tuple[int, int]


def has_driver() -> bool:
    """Whether the driver is installed: without it, importing an engine for cards would waste a second."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


def find_cards() -> list[Card]:
    """The cards that the driver lets this process use, by their numbers; none without a driver.

    Raises:
        RunnerUnavailable: the driver does not work.
    """
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return []
    count = ctypes.c_int()
    if code := driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        if code == NO_DEVICE:
            return []
        raise RunnerUnavailable(f"NVIDIA's driver does not work (CUDA error {code}): does nvidia-smi list the card?")
    return [_describe(driver, number) for number in range(count.value)]


def _describe(driver: Any, number: int) -> Card:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(device), number)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceGetAttribute(ctypes.byref(major), CAPABILITY_MAJOR, device)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), CAPABILITY_MINOR, device)
    return Card(name.value.decode(errors="replace"), (major.value, minor.value))


def choose_card(number: int, engine: str, capabilities: tuple[tuple[int, int], tuple[int, int]] = ANY) -> Card:
    """The card of this number, for an engine that holds code for these capabilities, the lowest and the highest.

    Raises:
        RunnerUnavailable: there is no such card, or no code for it; the message says what to do.
    """
    cards = find_cards()
    if not cards:
        raise RunnerUnavailable(f"{engine} finds no card for gpu:{number}: nvidia-smi must list it")
    if number >= len(cards):
        raise RunnerUnavailable(f"OCR_DEVICE=gpu:{number}: there are {len(cards)} cards, the first is gpu:0")
    card, (lowest, highest) = cards[number], capabilities
    if not lowest <= card.capability <= highest:
        own, low, high = (".".join(map(str, each)) for each in (card.capability, lowest, highest))
        held = f"{low} or newer" if highest == ANY[1] else f"{low} to {high}"
        other = "OCR_RUNNER=cuda-onnx" if card.capability > highest else "the processor, with OCR_RUNNER=openvino"
        raise RunnerUnavailable(
            f"gpu:{number}, {card.name}, has compute capability {own}, and {engine} holds code for {held}: use {other}"
        )
    return card


def make_environment() -> dict[str, str]:
    """The environment variable with which a process finds the libraries; it counts only when a process starts."""
    folders = [link_libraries().name, os.environ.get("LD_LIBRARY_PATH", "")]
    return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders))}


def clean_up() -> None:
    """Remove the folder that make_environment() made."""
    if link_libraries.cache_info().currsize:
        link_libraries().cleanup()
        link_libraries.cache_clear()


@cache
def link_libraries() -> "tempfile.TemporaryDirectory[str]":
    """A folder of links to the libraries in all of NVIDIA's packages, also by the names that PaddlePaddle looks for.

    These have no version ("libcudnn.so"), and only an installed toolkit has them.
    """
    folder = tempfile.TemporaryDirectory(prefix="mtphotos-ocr-nvidia-")
    spec = find_spec("nvidia")
    for packages in (spec.submodule_search_locations if spec else None) or []:
        for library in Path(packages).glob("*/lib/*.so.*"):
            for name in {library.name, library.name.partition(".so")[0] + ".so"}:
                Path(folder.name, name).symlink_to(library)
    return folder
