"""The model files and where they are: inside the wheels that bring them, or in a folder of the user's."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ocr.errors import RunnerUnavailable


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The ONNX files of a detector and of a recognizer (the latter holds its charset as metadata).

    `glance` is the longer side, in pixels, at which this detector sees whether there is text in a photo;
    0 if it cannot tell.
    """

    detector: Path
    recognizer: Path
    glance: int


_WHEELS = {
    # model: the wheels that bring it, any of which serves, the names of its files there, and its glance
    "ppocrv6": (("rapidocr",), "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx", 800),
    "ppocrv4": (
        ("rapidocr_openvino", "rapidocr_onnxruntime"),
        "ch_PP-OCRv4_det_infer.onnx",
        "ch_PP-OCRv4_rec_infer.onnx",
        0,  # at 640 pixels it finds nothing on a full page
    ),
}


def locate(model: str, folder: Path | None = None) -> ModelFiles:
    """The files of `model`, or det.onnx and rec.onnx in `folder` if one is given.

    Raises:
        RunnerUnavailable: there are no such files.
    """
    if folder is not None:
        files = ModelFiles(folder / "det.onnx", folder / "rec.onnx", glance=0)
        missing = [path.name for path in (files.detector, files.recognizer) if not path.is_file()]
        if missing:
            raise RunnerUnavailable(f"OCR_MODEL_DIR={folder} has no {' and no '.join(missing)}")
        return files
    wheels, detector, recognizer, glance = _WHEELS[model]
    for wheel in wheels:
        spec = find_spec(wheel)  # finds without importing: the wheel's code costs 60 MB
        if spec and spec.submodule_search_locations:
            models = Path(spec.submodule_search_locations[0]) / "models"
            return ModelFiles(models / detector, models / recognizer, glance)
    raise RunnerUnavailable(f"model {model} comes with the package {wheels[0]}, which is not installed")


@cache
def fingerprint(path: Path) -> str:
    """What a model file is known by, wherever it lies: its SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
