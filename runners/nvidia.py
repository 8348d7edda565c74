"""What is found of NVIDIA's software on this machine."""

import ctypes
import os
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

DRIVER = "libcuda.so.1"


def has_driver() -> bool:
    """Whether the driver is there: without it, importing an engine for cards is a second for nothing."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


def environment() -> dict[str, str]:
    """What a process needs to find the libraries: this variable counts only when a process starts."""
    folders = [libraries().name, os.environ.get("LD_LIBRARY_PATH", "")]
    return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders))}


def clean_up() -> None:
    """Remove the folder that environment() made."""
    if libraries.cache_info().currsize:
        libraries().cleanup()
        libraries.cache_clear()


@cache
def libraries() -> "tempfile.TemporaryDirectory[str]":
    """A folder with the libraries of all of NVIDIA's packages, also by the names that PaddlePaddle looks for.

    These have no version ("libcudnn.so"), and only an installed toolkit brings them.
    """
    folder = tempfile.TemporaryDirectory(prefix="mtphotos-ocr-nvidia-")
    spec = find_spec("nvidia")
    for packages in (spec.submodule_search_locations if spec else None) or []:
        for library in Path(packages).glob("*/lib/*.so.*"):
            for name in {library.name, library.name.partition(".so")[0] + ".so"}:
                Path(folder.name, name).symlink_to(library)
    return folder
