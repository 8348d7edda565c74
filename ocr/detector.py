"""Where text is: differentiable binarization (Liao et al., https://arxiv.org/abs/1911.08947)."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import pyclipper
from numpy.typing import NDArray

from ocr import geometry
from ocr.types import DetectorNetwork, DetectorOutput, Pixels, Polygon

TEXT_PROBABILITY = 0.3  # a pixel above it is text: these are RapidOCR's values, which the models were tuned with
MEAN_PROBABILITY = 0.5  # of a region's pixels; below it the region is no text
CORE_PROBABILITY = 0.9  # a pixel above it is in the core of a line: there, lines that touch each other are apart
UNCLIP_RATIO = 1.6  # the network marks the core of a line; the line is larger by area * ratio / perimeter on every side
SMALLEST_SIDE = 3  # pixels of the network's map; smaller regions are noise
SMALLEST_PART = 12  # the same, of a line apart from another that it touches: the cores of small print are too thin
MOST_REGIONS = 10_000  # a spreadsheet across 3840 x 2160 pixels has half as many cells
STRIDE = 32  # the network halves its input five times
SIDES = (32, 64, 96, 128, 160, 192, 256, 320, 384, 448, 512, 608, 704, 800, 928, 1088, 1280, 1504, 1760, 2016)
"""Longer sides of an input in pixels: few, because an engine needs 30-60 ms and memory for each new shape."""

STRIP = 850_000  # pixels; larger inputs go through the network in strips, because the largest decides its memory
OVERLAP = 128  # pixels that two strips share; with 64, PP-OCRv4 cut a line in two at the seam
SHORTEST = 3 * OVERLAP  # pixels; of shorter strips across a broad picture more than half would be looked at twice
BESIDE_CELLS = 2  # evidence no farther from a region is its own


class Region(NamedTuple):
    """A place that looks like a line of text, and the mean probability (0-1) of its pixels."""

    polygon: Polygon
    probability: float


class Detection(NamedTuple):
    """What one pass of the detector finds: regions, the doubtful ones too, and the evidence of DetectorOutput."""

    regions: list[Region]
    evidence: NDArray[np.float32]


class Detector:
    """Finds what looks like lines of text in a picture."""

    def __init__(self, network: DetectorNetwork) -> None:
        self._network = network

    def __call__(self, pixels: Pixels, size: tuple[int, int]) -> Detection:
        """Detect in `pixels`, resized to `size` (width, height; multiples of STRIDE); polygons in pixels as given."""
        height, width = pixels.shape[:2]
        kind = cv2.INTER_AREA if max(size) < 0.6 * max(width, height) else cv2.INTER_LINEAR
        probability, evidence = self._pass(cv2.resize(pixels, size, interpolation=kind).astype(np.uint8, copy=False))
        factors = np.array([width / size[0], height / size[1]], dtype=np.float32)
        inside = np.array([width - 1, height - 1], dtype=np.float32)
        # whole pixels: a level line is then cut out as it is, not blurred by a shift of half a pixel
        found = [(np.clip(np.round(polygon * factors), 0, inside), mean) for polygon, mean in regions(probability)]
        return Detection([Region(*region) for region in found], evidence)

    def _pass(self, pixels: Pixels) -> DetectorOutput:
        """What the network makes of a picture; large ones are cut across their longer side."""
        axis = 0 if pixels.shape[0] >= pixels.shape[1] else 1
        probabilities, evidence = [], []
        for start, end, own in strips(pixels.shape[axis], pixels.shape[1 - axis]):
            strip = pixels[start:end] if axis == 0 else pixels[:, start:end]
            output = self._network(np.ascontiguousarray(strip))
            drawn = output.probability if output.probability.size else np.zeros(strip.shape[:2], np.float32)
            probabilities.append(_own(drawn, axis, start, end, own))
            evidence.append(_own(output.evidence, axis, start, end, own))
        return DetectorOutput(np.concatenate(probabilities, axis), np.concatenate(evidence, axis))


def _own(values: NDArray[np.float32], axis: int, start: int, end: int, own: slice) -> NDArray[np.float32]:
    """What is a strip's own of values for equal parts of it; all strips' are as many as there are in the picture."""
    step = (end - start) // max(1, values.shape[axis])
    first, last = ((start + seam) // step - start // step for seam in (own.start, own.stop))
    return values[first:last] if axis == 0 else values[:, first:last]


def unexplained(evident: NDArray[np.bool_], known: Sequence[Polygon]) -> NDArray[np.uint8]:
    """1 for each of the cells (h, w) that are evident and neither in a known polygon, in cells, nor beside one."""
    mask = np.zeros(evident.shape, dtype=np.uint8)
    for polygon in known:
        cv2.fillPoly(mask, [polygon.astype(np.int32)], 1)
    beside = cv2.dilate(mask, np.ones((2 * BESIDE_CELLS + 1,) * 2, dtype=np.uint8)) > 0
    return (evident & ~beside).astype(np.uint8)


def input_size(width: float, height: float, px_per_px: float) -> tuple[int, int]:
    """Width and height of the input for a picture at about `px_per_px` input pixels per pixel of its own."""
    scale = side_of(max(width, height) * px_per_px) / max(width, height)
    return max(STRIDE, round(width * scale / STRIDE) * STRIDE), max(STRIDE, round(height * scale / STRIDE) * STRIDE)


def side_of(length: float) -> int:
    """The longer side of an input that is nearest to `length` pixels."""
    if length > SIDES[-1]:
        return round(length / STRIDE) * STRIDE
    return min(SIDES, key=lambda side: abs(side - length))


def strips(length: int, breadth: int) -> Iterator[tuple[int, int, slice]]:
    """Equal overlapping parts of `length` pixels, about STRIP at most: start, end, and the slice that is its own."""
    count = max(1, math.ceil((length - OVERLAP) / (max(STRIP / breadth, SHORTEST) - OVERLAP)))
    size = math.ceil((length + (count - 1) * OVERLAP) / count / STRIDE) * STRIDE
    starts = [round(index * (length - size) / max(1, count - 1)) for index in range(count)]
    seams = [0, *((before + size + after) // 2 for before, after in itertools.pairwise(starts)), length]
    for start, (first, last) in zip(starts, itertools.pairwise(seams), strict=True):
        yield start, start + size, slice(first - start, last - start)


def regions(probability: NDArray[np.float32]) -> list[Region]:
    """The regions of a probability map (H, W) as rotated rectangles, in the map's pixels; also the doubtful ones."""
    mask = cv2.dilate((probability > TEXT_PROBABILITY).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    cores = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:MOST_REGIONS]:  # specks come last
        whole = _cores(probability, [contour], SMALLEST_SIDE)
        parts = _parts(probability, contour) if whole and whole[0].probability < MEAN_PROBABILITY else []
        cores += parts if len(parts) > 1 else whole
    return [
        Region(geometry.corners(*cv2.minAreaRect(grown(core.polygon, UNCLIP_RATIO)[0])), core.probability)
        for core in cores
        if core.probability >= TEXT_PROBABILITY
    ]


def _cores(probability: NDArray[np.float32], contours: Sequence[cv2.typing.MatLike], smallest: float) -> list[Region]:
    """The rectangles around contours, of `smallest` pixels or more, before they are grown to the size of a line."""
    rectangles = [cv2.minAreaRect(contour) for contour in contours]
    cores = [geometry.corners(*rectangle) for rectangle in rectangles if min(rectangle[1]) >= smallest]
    return [Region(core, mean_inside(probability, core)) for core in cores]


def _parts(probability: NDArray[np.float32], contour: cv2.typing.MatLike) -> list[Region]:
    """The cores of lines in a contour around several that touch: one rectangle around them is half empty."""
    left, top, width, height = cv2.boundingRect(contour)
    inside = np.zeros((height, width), dtype=np.uint8)
    cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED, offset=(-left, -top))
    inside &= probability[top : top + height, left : left + width] > CORE_PROBABILITY
    parts, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top))
    return [part for part in _cores(probability, parts, SMALLEST_PART) if part.probability >= MEAN_PROBABILITY]


def mean_inside(probability: NDArray[np.float32], polygon: Polygon) -> float:
    """The mean of a map (H, W) inside a polygon."""
    height, width = probability.shape
    left, top = np.clip(np.floor(polygon.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(polygon.max(axis=0)), 0, (width - 1, height - 1)).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), dtype=np.uint8)
    cv2.fillPoly(mask, [(polygon - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(probability[top : bottom + 1, left : right + 1], mask)[0])


def grown(core: Polygon, ratio: float) -> list[Polygon]:
    """A core grown by its area * `ratio` / perimeter on all sides (Liao et al., 3.4), on whole pixels.

    The outline of a rectangle; of another shape it may fall apart, into several or none.
    """
    distance = cv2.contourArea(core) * ratio / cv2.arcLength(core, closed=True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(core, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return [np.array(outline, dtype=np.float32) for outline in offset.Execute(distance)]
