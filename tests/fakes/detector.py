"""Networks of detectors to which dark places are text."""

import numpy as np
from numpy.typing import NDArray

from ocr.types import DetectorOutput


class DarkIsText:
    """A detector's network: the probability of text is the darkness of a pixel, and without any there is none for sure.

    Remembers its inputs' shapes.
    """

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, pixels: NDArray[np.uint8]) -> DetectorOutput:
        self.shapes.append(pixels.shape)
        darkness: NDArray[np.float32] = 1 - pixels.mean(axis=2, dtype=np.float32) / 255
        return DetectorOutput(darkness if darkness.any() else darkness[:0])


class InkIsEvidence(DarkIsText):
    """One with evidence of text in cells of 8 x 8 pixels: where there is any ink, even if it is too thin to be dark."""

    def __call__(self, pixels: NDArray[np.uint8]) -> DetectorOutput:
        probability, _ = super().__call__(pixels)
        height, width, _ = pixels.shape
        ink = 255 - pixels.min(axis=2).reshape(height // 8, 8, width // 8, 8).min(axis=(1, 3)).astype(np.float32)
        return DetectorOutput(probability, ink - 20)


def page(width: int, height: int, *bars: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    pixels = np.full((height, width, 3), 255, dtype=np.uint8)
    for x, y, w, h in bars:
        pixels[y : y + h, x : x + w] = 0
    return pixels
