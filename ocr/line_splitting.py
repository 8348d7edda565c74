"""Lines that are too long for one input of a recognizer: split between words and read part by part."""

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.recognizer import CJK_SPACE
from ocr.types import Pixels, Recognize

MAX_PART_LINE_HEIGHTS = 25  # the widest input holds as much; squeezed into it, longer lines lost half of their text
MEAN_PART_SHARE = 0.75  # mean length of the parts as a share of that: a smaller share leaves more choice where to cut
WORD_GAP_LINE_HEIGHTS = 0.25


class LineSplitter:
    """A recognizer of lines of any length; as safe to call from several threads as the recognizer that it is given."""

    def __init__(self, recognizer: Recognize) -> None:
        self._recognizer = recognizer

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        lines = [list(_split(crop)) for crop in crops]
        texts = iter(self._recognizer([part for line in lines for part in line]))
        return [_join([next(texts) for _ in line]) for line in lines]


def _split(crop: Pixels) -> Iterator[Pixels]:
    """The parts of a crop, about equally long and none longer than MAX_PART_LINE_HEIGHTS; a short crop is one part."""
    height, width = crop.shape[:2]
    max_width = height * MAX_PART_LINE_HEIGHTS
    if width <= max_width:
        yield crop
        return
    contrast = _measure_contrast(crop)
    count = math.ceil(width / (MEAN_PART_SHARE * max_width))
    reach = (max_width - width / count) / 2
    start = 0
    for middle in (width * part / count for part in range(1, count)):
        first = int(middle - reach) + 1
        end = first + int(contrast[first : int(middle + reach)].argmin())
        yield crop[:, start:end]
        start = end
    yield crop[:, start:]


def _measure_contrast(crop: Pixels) -> NDArray[np.float32]:
    """The contrast of each column of a line, (W,) in grey levels, averaged over the width of a gap between words."""
    height = crop.shape[0]
    grey = cv2.cvtColor(np.ascontiguousarray(crop[height // 8 : height - height // 8]), cv2.COLOR_BGR2GRAY)
    columns = np.ptp(grey, axis=0).astype(np.float32)
    gap = max(1, round(height * WORD_GAP_LINE_HEIGHTS))
    return cv2.blur(columns[np.newaxis], (gap, 1))[0]  # type: ignore[no-any-return]


def _join(parts: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """The texts of the parts as one, and the mean score of their characters."""
    if len(parts) == 1:
        return parts[0]
    text = ""
    for part in (part.strip() for part, _ in parts):
        text += part if CJK_SPACE.fullmatch(f"{text[-1:]} {part[:1]}") else f" {part}"
    total = sum(score * len(part) for part, score in parts)
    return text.strip(), total / max(1, sum(len(part) for part, _ in parts))
