"""Blank skipping: the classes of columns that are surely blank are not computed.

Two thirds of all columns are CTC's blank, and the last layer compares each column with thousands of classes. A plane
through what that layer is given finds most blank columns; speech recognizers skip blank frames likewise (Chen et al.
2016, Phone Synchronous Decoding with CTC Lattice, Interspeech). fitted/blank_skipping.json holds the plane's weight per
channel and its bias (docs/adr/0019).
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from networks import fitted_values
from ocr.types import BestClasses

MAX_COLUMNS = 64  # whose classes are computed at once: 18710 each take 5 MB, which a processor's cache holds


@cache
def read_plane(path: Path) -> NDArray[np.float32]:
    """Weights and bias, (C + 1,), for the known recognizer in this file; columns on the positive side are blank."""
    return np.array(fitted_values.find("blank_skipping", path), dtype=np.float32)


def skip_blanks(classes: BestClasses, plane: NDArray[np.float32]) -> BestClasses:
    """A last layer for the columns of N lines, (N, T, C), from one that takes (1, K, C), K up to MAX_COLUMNS.

    Columns on the plane's positive side get class 0 and probability 1 without being computed.
    """

    def network(columns: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        flat = columns.reshape(-1, columns.shape[2])
        best = np.zeros(len(flat), dtype=np.int64)
        probability = np.ones(len(flat), dtype=np.float32)
        doubtful = np.flatnonzero(flat @ plane[:-1] <= -plane[-1])
        for start in range(0, len(doubtful), MAX_COLUMNS):
            part = doubtful[start : start + MAX_COLUMNS]
            (best[part],), (probability[part],) = classes(flat[np.newaxis, part])
        return best.reshape(columns.shape[:2]), probability.reshape(columns.shape[:2])

    return network
