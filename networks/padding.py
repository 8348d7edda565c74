"""What the padding behind a short line adds inside the recognizers that we know.

In fitted/padding.json, by the SHA-256 of the ONNX file, made by fitting/calibrate.py: the mean per channel of each
feature map whose mean the network takes, and of the columns that enter the transformer.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocr.model_files import fingerprint

FILE = Path(__file__).parent / "fitted" / "padding.json"
NEVER = -1e4
"""What is added to attention, before softmax, where there must be none."""


def known(path: Path) -> bool:
    """Whether the model in this file is one of them."""
    return fingerprint(path) in _table()


@cache
def of(path: Path) -> Sequence[NDArray[np.float32]]:
    """Of the model in this file."""
    return [np.array(values, dtype=np.float32) for values in _table()[fingerprint(path)]]


@cache
def _table() -> dict[str, Sequence[Sequence[float]]]:
    return json.loads(FILE.read_text("utf-8"))  # type: ignore[no-any-return]
