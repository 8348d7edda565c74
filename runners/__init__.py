"""The runners, by the one word that each has everywhere: setting, extra, image tag and module."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NamedTuple

from runners.base import Options, Runner


class Entry(NamedTuple):
    """Where a runner's class is ("module:Class"), the package of its engine, and the environment of its process.

    One that is not `automatic` reads only when it is asked for by name.
    """

    runner: str
    engine: str
    environment: Mapping[str, str] = MappingProxyType({})
    automatic: bool = True


def malloc(arenas: int, mmap: int, trim: int) -> dict[str, str]:
    """Settings of glibc's allocator: arenas, and from how many MiB on a block, or unused memory, is given back."""
    return {
        "MALLOC_ARENA_MAX": str(arenas),
        "MALLOC_MMAP_THRESHOLD_": str(mmap << 20),
        "MALLOC_TRIM_THRESHOLD_": str(trim << 20),
    }


RUNNERS = {
    # OpenVINO keeps its own memory: with less in glibc's hands all processes need 850 MB in place of 1150. (With 1 MiB,
    # what a JPEG is decoded to goes back at once, and decoding takes a quarter longer.) Its cache is above oneDNN's.
    "openvino": Entry(
        "runners.openvino:OpenVinoRunner", "openvino", malloc(1, 4, 8) | {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0"}
    ),
    # ONNX Runtime allocates what it computes with anew for every layer: giving that back would double its time.
    "onnx": Entry("runners.onnx:OnnxRunner", "onnxruntime", malloc(2, 64, 256)),
    "mmocr": Entry("runners.mmocr:MmocrRunner", "mmocr", automatic=False),
    "mmocr-onnx": Entry("runners.mmocr_onnx:MmocrOnnxRunner", "onnxruntime", malloc(2, 64, 256), automatic=False),
}
"""In the order in which `auto` prefers them."""


def make(path: str, options: Options) -> Runner:
    """The runner at "module:Class", not yet loaded; its engine is imported only now."""
    module, attribute = path.split(":")
    runner: Runner = getattr(import_module(module), attribute)(options)
    return runner
