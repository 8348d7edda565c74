"""Lines that are too long for one input of a recognizer: read in parts, which are cut between words."""

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.recognizer import UNSPACED
from ocr.types import Pixels, Recognize

LONGEST = 25  # heights of a line, that the widest input has room for; squeezed into it, lines lost half of their text
USUAL = 0.75  # of that, that the parts have on the average: less leaves more choice where to cut
WORD_GAP = 0.25  # heights


class LineSplitter:
    """A recognizer of lines of any length; safe to call from several threads at once if what it is made of is."""

    def __init__(self, recognizer: Recognize) -> None:
        self._recognizer = recognizer

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        lines = [list(_parts(crop)) for crop in crops]
        read = iter(self._recognizer([part for line in lines for part in line]))
        return [_joined([next(read) for _ in line]) for line in lines]


def _parts(crop: Pixels) -> Iterator[Pixels]:
    """The crop, if it is long in parts about equally long, none longer than LONGEST."""
    height, width = crop.shape[:2]
    longest = height * LONGEST
    if width <= longest:
        yield crop
        return
    contrast = _contrast(crop)
    count = math.ceil(width / (USUAL * longest))
    reach = (longest - width / count) / 2
    start = 0
    for middle in (width * part / count for part in range(1, count)):
        first = int(middle - reach) + 1
        end = first + int(contrast[first : int(middle + reach)].argmin())
        yield crop[:, start:end]
        start = end
    yield crop[:, start:]


def _contrast(crop: Pixels) -> NDArray[np.float32]:
    """That of each column of a line and of those around it, as far as a gap between words is wide."""
    height = crop.shape[0]
    grey = cv2.cvtColor(np.ascontiguousarray(crop[height // 8 : height - height // 8]), cv2.COLOR_BGR2GRAY)
    columns = np.ptp(grey, axis=0).astype(np.float32)
    return cv2.blur(columns[np.newaxis], (max(1, round(height * WORD_GAP)), 1))[0]  # type: ignore[no-any-return]


def _joined(parts: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """The texts as one, and the mean score of their characters."""
    if len(parts) == 1:
        return parts[0]
    text = ""
    for part in (part.strip() for part, _ in parts):
        text += part if UNSPACED.fullmatch(f"{text[-1:]} {part[:1]}") else f" {part}"
    total = sum(score * len(part) for part, score in parts)
    return text.strip(), total / max(1, sum(len(part) for part, _ in parts))
