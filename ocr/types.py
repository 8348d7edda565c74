"""The values that pass between the stages."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture or a part of one: (height, width, 3), BGR, 0-255."""

Polygon = NDArray[np.float32]
"""(n, 2) as x and y in pixels of the upright photo, clockwise: the four corners from the top left of the text, or more
points around a line that is bent."""


class DetectorOutput(NamedTuple):
    """What a detector's network makes of a picture.

    `probability` of text per pixel, (H, W) in 0..1; empty if the network ended half way, because there is no evidence.
    `evidence` of text, (h, w) for h times w equal cells of the picture: positive where there may be text, even text too
    fine to be drawn in the map; empty if the network gives none.
    """

    probability: NDArray[np.float32]
    evidence: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)


DetectorNetwork = Callable[[Pixels], DetectorOutput]
"""One pass of a detector's network over pixels whose H and W are multiples of 32. Safe to call from several threads at
once."""

Recognize = Callable[[Sequence[Pixels]], list[tuple[str, float]]]
"""Reads cut-out lines: text and score (0-1; 0 for no text) of each, in their order. As safe."""

BestClasses = Callable[[NDArray[np.float32]], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""One pass of a recognizer's network over lines, (N, 3, 48, W) in -1..1, BGR: the most probable class and its
probability (0..1), both (N, T), for T steps from left to right. As safe."""


def planes(pixels: Pixels) -> NDArray[np.float32]:
    """Pixels as PP-OCR's networks were trained with them: (3, H, W) in -1..1."""
    return pixels.transpose(2, 0, 1) * np.float32(2 / 255) - 1


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

    `text` is blank only where lines are found and not read (ocr.pipeline.DetectionPipeline). `score`, 0-1, is the mean
    probability per character that the recognizer gives; without one, the detector's.
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


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read in a photo: its lines in reading order, and the seconds that each stage took.

    Stages are `decode`, `coarse`, `detect` and `recognize`; one that did not take place is not there. `size` is
    width and height of the upright photo in pixels, which the polygons are within.
    """

    lines: list[TextLine] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to the seconds of a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
