"""The runners, by the one word that each has everywhere: setting, extra, image tag and module."""

from importlib import import_module
from typing import NamedTuple

from runners.base import Options, Runner


class Entry(NamedTuple):
    """Where a runner's class is ("module:Class"), and the package of its engine."""

    runner: str
    engine: str


RUNNERS = {
    "openvino": Entry("runners.openvino:OpenVinoRunner", "openvino"),
    "onnx": Entry("runners.onnx:OnnxRunner", "onnxruntime"),
}
"""In the order in which `auto` prefers them."""


def make(path: str, options: Options) -> Runner:
    """The runner at "module:Class", not yet loaded; its engine is imported only now."""
    module, attribute = path.split(":")
    runner: Runner = getattr(import_module(module), attribute)(options)
    return runner
