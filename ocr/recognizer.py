"""What a line says: PP-OCR's recognizer with CTC decoding (Graves et al. 2006)."""

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.types import BestClasses, Pixels

HEIGHT = 48  # pixels; what the recognizers were trained with
WIDTHS = (320, 416, 512, 640, 800, 1024, 1280, 1920, 2560, 3840)
"""Input widths in pixels: few, because both engines keep memory for every shape that they have seen.

None is below 320, which the recognizers were trained with: with widths down to 64, labelled receipts
lost 1.5 % of their lines.
"""
WIDEST_BATCH = 1280  # pixels of all the lines of a batch side by side: bounds its memory
MARGIN = 1.05  # free space to the right: the recognizer reads the last character worse without it


class Recognizer:
    """Reads the text of cut-out lines.

    `network` takes (N, 3, 48, W) float32 in -1..1, BGR, and gives the most probable class and its
    probability (0..1), both (N, T), for T steps from left to right: class 0 is CTC's blank, i charset[i - 1].
    """

    def __init__(self, network: BestClasses, charset: Sequence[str]) -> None:
        self._network = network
        self._charset = charset

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        by_width: dict[int, list[int]] = {}
        for index, crop in enumerate(crops):
            by_width.setdefault(_input_width(crop), []).append(index)
        texts: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        for width, indices in by_width.items():
            for members in _batches(indices, max(1, WIDEST_BATCH // width)):
                batch = np.stack([_input(crops[index], width) for index in members])
                for index, best, probability in zip(members, *self._network(batch), strict=True):
                    texts[index] = self._decode(best, probability)
        return texts

    def _decode(self, best: NDArray[np.int64], probability: NDArray[np.float32]) -> tuple[str, float]:
        kept = best != 0
        kept[1:] &= best[1:] != best[:-1]
        if not kept.any():
            return "", 0.0
        text = "".join(self._charset[index - 1] for index in best[kept])
        return text, float(probability[kept].mean())


def _batches(indices: list[int], size: int) -> Iterator[list[int]]:
    """Full batches and then single lines: two shapes for each width, not one for every remainder."""
    full = len(indices) - len(indices) % size
    yield from (indices[start : start + size] for start in range(0, full, size))
    yield from ([index] for index in indices[full:])


def _line_width(crop: Pixels) -> int:
    height, width = int(crop.shape[0]), int(crop.shape[1])
    return math.ceil(HEIGHT * width / height)


def _input_width(crop: Pixels) -> int:
    """The first of WIDTHS that holds the line; a still longer line is squeezed into the last one."""
    needed = _line_width(crop) * MARGIN
    return next((width for width in WIDTHS if width >= needed), WIDTHS[-1])


def _input(crop: Pixels, width: int) -> NDArray[np.float32]:
    line_width = min(_line_width(crop), width)
    resized = cv2.resize(np.ascontiguousarray(crop), (line_width, HEIGHT), interpolation=cv2.INTER_LINEAR)
    padded = np.zeros((3, HEIGHT, width), dtype=np.float32)
    padded[:, :, :line_width] = resized.transpose(2, 0, 1) * np.float32(2 / 255) - 1
    return padded
