"""The runners by name (the same in setting, extra, image tag and module), and which can read on this machine."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal, NamedTuple

from networks import processor
from ocr.errors import RunnerUnavailable
from ocr.model_files import ONNX, PADDLE, ModelFormat, locate
from ocr.models import MODELS, WITH_ONNX, WITH_PADDLE
from runners import nvidia
from runners.base import Options, Runner

LIGHTER = (
    "ppocrv6-tiny would read in about a third of the time on this processor, without Japanese: make models lists it"
)


class RunnerEntry(NamedTuple):
    """What is known of a runner before it is imported."""

    class_path: str
    """Its class, as "module:Class"."""
    engines: Sequence[str]
    """The packages of its engine, any one of which is enough."""
    models: Sequence[str] = WITH_ONNX
    """The models that it reads with, the one that `auto` takes first."""
    form: ModelFormat = ONNX
    """The format of their files."""
    card: Literal["required", "optional", "unused"] = "unused"
    """Its need of an NVIDIA card."""
    automatic: bool = True
    """Whether `auto` may choose it."""
    environment: Callable[[], Mapping[str, str]] = dict
    """Makes the extra environment variables of its process."""
    detector: str = ""
    """The MMOCR option that names its detector, if not the model's."""

    def choose_model(self, options: Options) -> str:
        """The name of the model that it reads with: that of the folder, the one in the options, or its best."""
        if options.model_dir:
            return options.model_dir.name
        return self.models[0] if options.model == "auto" else options.model

    def list_languages(self, options: Options) -> list[str]:
        """What its model reads, in the words of ocr.models; nothing if that is not known, as of a user's own."""
        known = not options.model_dir and options.mmocr.get("recognizer", "ppocr") == "ppocr"
        return list(MODELS[self.choose_model(options)].languages) if known else []

    def describe_model(self, options: Options) -> str:
        """The same for people: with the detector, where that is not the model's."""
        if not self.detector:
            return self.choose_model(options)
        recognizer = self.choose_model(options) if options.mmocr.get("recognizer", "ppocr") == "ppocr" else ""
        return " + ".join(filter(None, [Path(options.mmocr.get(self.detector, "")).stem, recognizer]))

    def advise(self, options: Options) -> str:
        """What would make reading much faster on this machine, for people; empty if nothing is known to."""
        ours = self.card == "unused" and not self.detector and not options.model_dir
        slow = ours and self.choose_model(options) == "ppocrv6" and processor.has_exact_sums() is False
        return LIGHTER if slow else ""


def allocator_variables(*, arenas: int, mmap_mib: int = 64, trim_mib: int = 256) -> dict[str, str]:
    """Environment variables for glibc's allocator.

    A block of `mmap_mib` MiB or more goes back to the system when it is freed; so does the end of the heap, when
    `trim_mib` MiB or more of it are unused.
    """
    return {
        "MALLOC_ARENA_MAX": str(arenas),
        "MALLOC_MMAP_THRESHOLD_": str(mmap_mib << 20),
        "MALLOC_TRIM_THRESHOLD_": str(trim_mib << 20),
    }


RUNNERS = {
    "cuda": RunnerEntry(
        "runners.cuda:CudaRunner",
        ("paddlepaddle-gpu", "paddlepaddle"),
        models=WITH_PADDLE,
        form=PADDLE,
        card="required",
        environment=lambda: allocator_variables(arenas=2) | nvidia.make_environment() | nvidia.FULL_PRECISION,
    ),
    "cuda-onnx": RunnerEntry(
        "runners.cuda_onnx:CudaOnnxRunner",
        ("onnxruntime-gpu",),
        models=tuple(name for name in WITH_ONNX if name != "ppocrv4"),  # which comes with the engines for CPUs
        card="required",
        environment=lambda: nvidia.FULL_PRECISION,
    ),
    # OpenVINO keeps its own memory: with less in glibc's hands all processes need 850 MB instead of 1150. (With 1 MiB,
    # the pixels of a JPEG go back at once, and decoding takes 1.25x the time.) OpenVINO has a cache above oneDNN's.
    "openvino": RunnerEntry(
        "runners.openvino:OpenVinoRunner",
        ("openvino",),
        environment=lambda: (
            allocator_variables(arenas=1, mmap_mib=4, trim_mib=8) | {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0"}
        ),
    ),
    # ONNX Runtime allocates what it computes with anew for every layer: giving that back would double its time. In one
    # arena: of others, glibc gives back each 64 MiB that are free, whatever the thresholds say.
    "onnx": RunnerEntry(
        "runners.onnx:OnnxRunner", ("onnxruntime", "onnxruntime-gpu"), environment=lambda: allocator_variables(arenas=1)
    ),
    "mmocr": RunnerEntry(
        "runners.mmocr:MmocrRunner",
        ("mmocr",),
        card="optional",
        automatic=False,
        environment=lambda: nvidia.FULL_PRECISION,
        detector="det_config",
    ),
    "mmocr-onnx": RunnerEntry(
        "runners.mmocr_onnx:MmocrOnnxRunner",
        ("onnxruntime", "onnxruntime-gpu"),
        automatic=False,
        environment=lambda: allocator_variables(arenas=1),
        detector="det_onnx",
    ),
}
"""In the order in which `auto` prefers them."""


def make(path: str, options: Options) -> Runner:
    """The runner at "module:Class", not yet loaded; its engine is imported only now."""
    module, attribute = path.split(":")
    runner: Runner = getattr(import_module(module), attribute)(options)
    return runner


def find_candidates(setting: str, options: Options) -> list[str]:
    """The runners to try for a value of OCR_RUNNER, in the order in which `auto` prefers them.

    Raises:
        RunnerUnavailable: none can read here; the message says what to do.
    """
    names = [setting]
    if setting == "auto":  # on the CPU, the runners for cards are slower than the others
        suited = [name for name, entry in RUNNERS.items() if entry.automatic]
        if options.device == "cpu":
            suited = [name for name in suited if RUNNERS[name].card != "required"]
        names = [name for name in suited if _is_installed(name)] or suited
    problems = {name: _find_problem(name, options) for name in names}
    found = [name for name, problem in problems.items() if not problem]
    if not found:
        raise RunnerUnavailable("; ".join(f"OCR_RUNNER={name} {problem}" for name, problem in problems.items()))
    return found


def _find_problem(name: str, options: Options) -> str:
    """Why a runner cannot read here; empty if it can."""
    entry = RUNNERS[name]
    if not _is_installed(name):
        return f"needs the package {entry.engines[0]}: make setup TARGET={name}"
    if options.device not in {None, "cpu"} and entry.card == "unused":
        return f"cannot use OCR_DEVICE={options.device}: it reads on the CPU"
    if not options.model_dir and entry.choose_model(options) not in entry.models:
        return f"has no OCR_MODEL={options.model}: it has {', '.join(entry.models)}"
    if not options.model_dir:
        try:
            locate(entry.choose_model(options), form=entry.form)
        except RunnerUnavailable as problem:
            return f"cannot read: {problem}"
    if entry.card == "required" and options.device != "cpu" and not nvidia.has_driver():
        return "finds no NVIDIA driver: install it; in a container, docker run --gpus all; or allow OCR_DEVICE=cpu"
    return ""


def _is_installed(name: str) -> bool:
    return any(map(_has_package, RUNNERS[name].engines))


def _has_package(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
