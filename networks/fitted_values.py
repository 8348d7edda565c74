"""What was fitted to the models that we know: the files in fitted/, which `python -m fitting.calibrate` makes.

A file has an entry for each model, by the SHA-256 of its ONNX file: `values`, and `made`, which says of which model
they are, from which photos, by which command, when, and what they gain. Other models run without, only slower.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ocr.model_files import fingerprint

FOLDER = Path(__file__).parent / "fitted"
NAMES = ("blank_skipping", "early_exit", "int8", "padding")


def find(name: str, model: Path) -> Any:
    """The values in the file of this name for the model in an ONNX file; None if it is not one that we know."""
    entry = read(name).get(fingerprint(model))
    return entry and entry["values"]


@cache
def read(name: str) -> Mapping[str, Mapping[str, Any]]:
    """All entries of a file."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))  # type: ignore[no-any-return]
