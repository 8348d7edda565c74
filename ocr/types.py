"""The values that pass between the stages."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture or a part of one: (height, width, 3), BGR, 0-255."""

Polygon = NDArray[np.float32]
"""Four corners, (4, 2) as x and y in pixels of the upright photo, clockwise from the top left of the text."""

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One pass of a neural network over a batch; safe to call from several threads at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is read; see settings.py for the variables behind them.

    `max_side` and `max_pixels` are pixels of the detector's input and of the photo, `min_score` is 0-1.
    """

    max_side: int
    max_pixels: int
    min_score: float


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """One line of text as it was read.

    `text` is never blank; `score` is the recognizer's mean probability per character, 0-1.
    """

    polygon: Polygon
    text: str
    score: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The upright rectangle around the line: left, top, width, height in pixels, never negative."""
        return box(self.polygon)


def box(polygon: Polygon) -> tuple[float, float, float, float]:
    """The upright rectangle around a polygon: left, top, width, height in pixels, never negative."""
    left, top = polygon.min(axis=0)
    right, bottom = polygon.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)
