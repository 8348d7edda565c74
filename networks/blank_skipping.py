"""Columns of a line that are surely blank, told before their classes are computed.

Two thirds of all columns are CTC's blank, and the last layer compares each with thousands of classes. A plane tells
most of the blank ones by what that layer is given; speech recognizers skip blank frames likewise (Chen et al. 2016,
Phone Synchronous Decoding with CTC Lattice, Interspeech). In fitted/blank_skipping.json, by the SHA-256 of the ONNX
file, made by fitting/calibrate.py: the plane's weight per channel and its bias (docs/adr/0019).
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocr.model_files import fingerprint
from ocr.types import BestClasses

FILE = Path(__file__).parent / "fitted" / "blank_skipping.json"
MOST = 64  # columns whose classes are computed at a time: of 18710 they take 5 MB, which a processor's cache holds


@cache
def plane(path: Path) -> NDArray[np.float32]:
    """Of the recognizer in this file: (C + 1,); columns on its positive side are blank."""
    return np.array(json.loads(FILE.read_text("utf-8"))[fingerprint(path)], dtype=np.float32)


def skipping(classes: BestClasses, plane: NDArray[np.float32]) -> BestClasses:
    """What gives the best classes of columns, (N, T, C), of what gives those of (1, K, C), K up to MOST.

    Columns on the plane's positive side get class 0 and probability 1 unseen.
    """

    def network(columns: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        given = columns.reshape(-1, columns.shape[2])
        best = np.zeros(len(given), dtype=np.int64)
        probability = np.ones(len(given), dtype=np.float32)
        doubtful = np.flatnonzero(given @ plane[:-1] <= -plane[-1])
        for start in range(0, len(doubtful), MOST):
            part = doubtful[start : start + MOST]
            (best[part],), (probability[part],) = classes(given[np.newaxis, part])
        return best.reshape(columns.shape[:2]), probability.reshape(columns.shape[:2])

    return network
