"""NVIDIA's software on this machine: its driver, and the libraries in its packages."""

import ctypes
import os
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

DRIVER = "libcuda.so.1"


def has_driver() -> bool:
    """Whether the driver is installed: without it, importing an engine for cards would waste a second."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True


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
