"""Where text is: differentiable binarization (Liao et al., https://arxiv.org/abs/1911.08947)."""

import cv2
import numpy as np
import pyclipper
from numpy.typing import NDArray

from ocr import geometry
from ocr.types import Network, Pixels, Polygon

TEXT_PROBABILITY = 0.3  # a pixel above it is text: these are RapidOCR's values, which the models were tuned with
MEAN_PROBABILITY = 0.5  # of a region's pixels; below it the region is no text
UNCLIP_RATIO = 1.6  # the network marks the core of a line; the line is larger by area * ratio / perimeter on every side
SMALLEST_SIDE = 3  # pixels of the network's map; smaller regions are noise
MOST_REGIONS = 1000
ENLARGE_TO = 736  # pixels; photos with a shorter side below are enlarged, or their small text is lost
STRIDE = 32  # the network halves its input five times


class Detector:
    """Finds the lines of text in a picture.

    `network` takes (1, 3, H, W) float32 in -1..1, BGR, H and W multiples of 32, and gives the
    probability of text per pixel, (1, 1, H, W) float32 in 0..1. `max_side` bounds H and W in pixels.
    """

    def __init__(self, network: Network, *, max_side: int) -> None:
        self._network = network
        self._max_side = max_side

    def __call__(self, pixels: Pixels) -> list[Polygon]:
        """Polygons of the lines in `pixels`, in no particular order."""
        height, width = pixels.shape[:2]
        input_width, input_height = self._input_size(width, height)
        resized = cv2.resize(pixels, (input_width, input_height), interpolation=cv2.INTER_LINEAR)
        batch = np.ascontiguousarray((resized.astype(np.float32) * (2 / 255) - 1).transpose(2, 0, 1)[np.newaxis])
        factors = np.array([width / input_width, height / input_height], dtype=np.float32)
        inside = np.array([width - 1, height - 1], dtype=np.float32)
        # whole pixels: a level line is then cut out as it is, not blurred by a shift of half a pixel
        return [np.clip(np.round(polygon * factors), 0, inside) for polygon in regions(self._network(batch)[0, 0])]

    def _input_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to detect at: enlarged to 736 on the shorter side, but at most `max_side` long."""
        ratio = min(max(1.0, ENLARGE_TO / min(width, height)), self._max_side / max(width, height))
        return tuple(max(STRIDE, round(side * ratio / STRIDE) * STRIDE) for side in (width, height))  # type: ignore[return-value]


def regions(probability: NDArray[np.float32]) -> list[Polygon]:
    """The text regions of a probability map (H, W) as rotated rectangles, in the map's pixels."""
    mask = cv2.dilate((probability > TEXT_PROBABILITY).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:MOST_REGIONS]:  # specks come last
        center, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < SMALLEST_SIDE:
            continue
        core = geometry.corners(center, (width, height), angle)
        if _mean_inside(probability, core) >= MEAN_PROBABILITY:
            found.append(_unclipped(core))
    return found


def _mean_inside(probability: NDArray[np.float32], polygon: Polygon) -> float:
    height, width = probability.shape
    left, top = np.clip(np.floor(polygon.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(polygon.max(axis=0)), 0, (width - 1, height - 1)).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), dtype=np.uint8)
    cv2.fillPoly(mask, [(polygon - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(probability[top : bottom + 1, left : right + 1], mask)[0])


def _unclipped(core: Polygon) -> Polygon:
    """The rectangle around a core grown by its area * 1.6 / perimeter on all sides (Liao et al., 3.4)."""
    distance = cv2.contourArea(core) * UNCLIP_RATIO / cv2.arcLength(core, closed=True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(core, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    grown = np.array(offset.Execute(distance)[0], dtype=np.int32)
    return geometry.corners(*cv2.minAreaRect(grown))
