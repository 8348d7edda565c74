"""What the padding behind a short line adds inside the recognizers that we know.

fitted/padding.json holds by the SHA-256 of the ONNX file, as fitting/calibrate.py measured it, the mean per channel in
the padding: of each feature map whose mean the network takes, and of the columns that enter the transformer.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocr.model_files import fingerprint

FILE = Path(__file__).parent / "fitted" / "padding.json"
MASKED_LOGIT = -1e4
"""Added to a logit of attention, it leaves no attention after softmax."""


def is_known(path: Path) -> bool:
    """Whether the model in this file is one of them."""
    return fingerprint(path) in _read_table()


@cache
def read_means(path: Path) -> Sequence[NDArray[np.float32]]:
    """The means of a known model, (C,) each: of its feature maps in their order, then of the columns."""
    return [np.array(values, dtype=np.float32) for values in _read_table()[fingerprint(path)]]


@cache
def _read_table() -> dict[str, Sequence[Sequence[float]]]:
    return json.loads(FILE.read_text("utf-8"))  # type: ignore[no-any-return]
