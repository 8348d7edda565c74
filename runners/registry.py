"""The runners, by the one word that each has everywhere: setting, extra, image tag and module.

And which of them can read here.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal, NamedTuple

from ocr.errors import RunnerUnavailable
from runners import nvidia
from runners.base import Options, Runner


class RunnerEntry(NamedTuple):
    """What is known of a runner before it is imported.

    Where its class is ("module:Class"), the packages of its engine, any of which serves, the models that it has, the
    best first, what a card is to it, whether `auto` may take it, what the environment of its process has besides, and
    which of MMOCR's options names its detector.
    """

    runner: str
    engines: Sequence[str]
    models: Sequence[str] = ("ppocrv6", "ppocrv4")
    card: Literal["needed", "welcome", "unused"] = "unused"
    automatic: bool = True
    environment: Callable[[], Mapping[str, str]] = dict
    detector: str = ""

    def model(self, options: Options) -> str:
        """The name of the model that it reads with: that of the folder, the one that is wanted, or its best."""
        if options.model_dir:
            return options.model_dir.name
        return self.models[0] if options.model == "auto" else options.model

    def reads_with(self, options: Options) -> str:
        """The same for people: with the detector, where that is not the model's."""
        if not self.detector:
            return self.model(options)
        recognizer = options.mmocr.get("recognizer", "ppocr")
        names = [Path(options.mmocr.get(self.detector, "")).stem, self.model(options) if recognizer == "ppocr" else ""]
        return " + ".join(filter(None, names))


def malloc(arenas: int, mmap: int, trim: int) -> dict[str, str]:
    """Settings of glibc's allocator: arenas, and from how many MiB on a block, or unused memory, is given back."""
    return {
        "MALLOC_ARENA_MAX": str(arenas),
        "MALLOC_MMAP_THRESHOLD_": str(mmap << 20),
        "MALLOC_TRIM_THRESHOLD_": str(trim << 20),
    }


RUNNERS = {
    "cuda": RunnerEntry(
        "runners.cuda:CudaRunner",
        ("paddlepaddle-gpu", "paddlepaddle"),
        models=("ppocrv4",),
        card="needed",
        environment=lambda: malloc(2, 64, 256) | nvidia.environment(),
    ),
    "cuda-onnx": RunnerEntry(
        "runners.cuda_onnx:CudaOnnxRunner", ("onnxruntime-gpu",), models=("ppocrv6",), card="needed"
    ),
    # OpenVINO keeps its own memory: with less in glibc's hands all processes need 850 MB in place of 1150. (With 1 MiB,
    # what a JPEG is decoded to goes back at once, and decoding takes a quarter longer.) Its cache is above oneDNN's.
    "openvino": RunnerEntry(
        "runners.openvino:OpenVinoRunner",
        ("openvino",),
        environment=lambda: malloc(1, 4, 8) | {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0"},
    ),
    # ONNX Runtime allocates what it computes with anew for every layer: giving that back would double its time. In one
    # arena: of others, glibc gives each 64 MiB back that are free, whatever the settings say.
    "onnx": RunnerEntry(
        "runners.onnx:OnnxRunner", ("onnxruntime", "onnxruntime-gpu"), environment=lambda: malloc(1, 64, 256)
    ),
    "mmocr": RunnerEntry(
        "runners.mmocr:MmocrRunner", ("mmocr",), card="welcome", automatic=False, detector="det_config"
    ),
    "mmocr-onnx": RunnerEntry(
        "runners.mmocr_onnx:MmocrOnnxRunner",
        ("onnxruntime", "onnxruntime-gpu"),
        automatic=False,
        environment=lambda: malloc(1, 64, 256),
        detector="det_onnx",
    ),
}
"""In the order in which `auto` prefers them."""


def make(path: str, options: Options) -> Runner:
    """The runner at "module:Class", not yet loaded; its engine is imported only now."""
    module, attribute = path.split(":")
    runner: Runner = getattr(import_module(module), attribute)(options)
    return runner


def candidates(setting: str, options: Options) -> list[str]:
    """The runners to try for a value of OCR_RUNNER, in the order in which `auto` prefers them.

    Raises:
        RunnerUnavailable: there is none; the message says what to do.
    """
    names = [setting]
    if setting == "auto":  # the runners for cards can do without one, but not as fast as others
        suited = [name for name, entry in RUNNERS.items() if entry.automatic]
        if options.device == "cpu":
            suited = [name for name in suited if RUNNERS[name].card != "needed"]
        names = [name for name in suited if _installed(name)] or suited
    problems = {name: _problem(name, options) for name in names}
    found = [name for name, problem in problems.items() if not problem]
    if not found:
        raise RunnerUnavailable("; ".join(f"OCR_RUNNER={name} {problem}" for name, problem in problems.items()))
    return found


def _problem(name: str, options: Options) -> str:
    """Why a runner cannot read, or nothing."""
    entry = RUNNERS[name]
    if not _installed(name):
        return f"needs the package {entry.engines[0]}: make setup TARGET={name}"
    if options.device not in {None, "cpu"} and entry.card == "unused":
        return f"cannot use OCR_DEVICE={options.device}: it reads on the CPU"
    if not options.model_dir and entry.model(options) not in entry.models:
        return f"has no OCR_MODEL={options.model}: it has {' and '.join(entry.models)}"
    if entry.card == "needed" and options.device != "cpu" and not nvidia.has_driver():
        return "finds no NVIDIA driver: install it; in a container, docker run --gpus all; or allow OCR_DEVICE=cpu"
    return ""


def _installed(name: str) -> bool:
    return any(map(_is_there, RUNNERS[name].engines))


def _is_there(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
