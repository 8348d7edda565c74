"""Curved text as a row of disks: TextSnake (Long et al., https://arxiv.org/abs/1807.01544, 3.3), decoded as MMOCR does.

The lines are the places where the map of centre lines is high. Each is thinned to a skeleton, whose points are moved to
the middle of their place; there, disks of the radius that the network gives cover the line, and their outline is it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from ocr.detector import Region
from ocr.geometry import clockwise

STEP = 0.03  # of the radius: the steps in which points walk to the edge of their place
STEPS = 1000  # that a point walks at most; some tens are usual, but with a radius of nearly 0 it never arrives


@dataclass(frozen=True, slots=True)
class TextSnake:
    """The decoder; fields and defaults are those of MMOCR's TextSnakePostprocessor.

    The probability (0-1) from which a pixel is of a centre line, the smallest area of one in pixels, the share of two
    radii within which disks are merged, and the factor that radii are multiplied by.
    """

    min_center_region_confidence: float = 0.2
    min_center_area: float = 30
    disk_overlap_thr: float = 0.03
    radius_shrink_ratio: float = 1.03

    def __call__(self, maps: NDArray[np.float32]) -> list[Region]:
        """The lines in maps (5, H, W): probabilities of text and of centre, sine, cosine, and radius in pixels."""
        center = maps[1] * maps[0]
        places = _filled((center > self.min_center_region_confidence).astype(np.uint8))
        contours, _ = cv2.findContours(places, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        found = (self._line(maps, center, contour) for contour in contours if self._is_large(contour))
        return [region for region in found if region]

    def _is_large(self, contour: MatLike) -> bool:
        return cv2.contourArea(contour) >= self.min_center_area

    def _line(self, maps: NDArray[np.float32], center: NDArray[np.float32], contour: MatLike) -> Region | None:
        left, top, width, height = cv2.boundingRect(contour)
        place = np.zeros((height + 2, width + 2), np.uint8)  # with a margin: what walks out of it has left the place
        cv2.drawContours(place, [contour], -1, 1, -1, offset=(1 - left, 1 - top))
        points = np.argwhere(thinned(place.astype(bool)))
        corner = np.array([top - 1, left - 1])
        points = (
            _centered(points, place, *(maps[channel][tuple((points + corner).T)] for channel in (2, 3, 4))) + corner
        )
        at = tuple(points.T)
        disks = np.column_stack([points[:, ::-1], maps[4][at] * self.radius_shrink_ratio, center[at]])
        covered = np.zeros(center.shape, np.uint8)
        for x, y, radius, _ in _merged(disks.astype(np.float64), self.disk_overlap_thr):
            if radius > 1:
                cv2.circle(covered, (int(x), int(y)), int(radius), 1, -1)
        outlines, _ = cv2.findContours(covered, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        if not outlines or cv2.contourArea(outlines[0]) == 0 or len(outlines[0]) <= 4:
            return None
        return Region(clockwise(outlines[0].reshape(-1, 2).astype(np.float32)), float(cv2.mean(maps[0], covered)[0]))


def _filled(places: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """FairSlots without their holes."""
    around = cv2.copyMakeBorder(places, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    outside = cv2.floodFill(around.copy(), None, (0, 0), 1)[1]
    return np.where(outside == 0, 1, around)[1:-1, 1:-1].astype(np.uint8)


def thinned(place: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The skeleton of a place that does not touch the edge (Zhang and Suen, CACM 27(3), 1984)."""
    while True:
        before = place
        for corner in (0, 2):  # pixels of the south and east, then of the north and west, are taken away
            ring = np.stack(list(_neighbours(place)))
            count = ring.sum(axis=0)
            parts = (~ring & np.roll(ring, -1, axis=0)).sum(axis=0)
            sides = np.roll(ring[::2], -corner, axis=0)
            exposed = ~sides[:3].all(axis=0) & ~sides[1:].all(axis=0)
            place = place & ~((count >= 2) & (count <= 6) & (parts == 1) & exposed)
        if np.array_equal(place, before):
            return place


def _neighbours(place: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """The neighbour of every pixel in each direction, clockwise from the north; outside there is nothing."""
    for down, across in ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)):
        yield np.roll(place, (-down, -across), axis=(0, 1))


def _centered(
    points: NDArray[np.int64],
    place: NDArray[np.uint8],
    sine: NDArray[np.float32],
    cosine: NDArray[np.float32],
    radius: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Points (y, x), each moved along its normal to the middle between the two edges of its place."""
    normal = np.column_stack([cosine, -sine]) / np.sqrt(sine**2 + cosine**2 + 1e-8)[:, np.newaxis]
    step = STEP * radius[:, np.newaxis] * normal
    return ((_edge(points, place, step) + _edge(points, place, -step)) * 0.5).astype(np.int64)


def _edge(points: NDArray[np.int64], place: NDArray[np.uint8], step: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where points get to that walk in steps as long as the next one is inside."""
    at = points.astype(np.float64)
    for _ in range(STEPS):
        y, x = np.clip((at + step).astype(np.int64), 0, np.array(place.shape) - 1).T
        inside = place[y, x].astype(bool)
        if not inside.any():
            break
        at[inside] += step[inside]
    return at


def _merged(disks: NDArray[np.float64], overlap: float) -> Iterator[NDArray[np.float64]]:
    """Disks (x, y, radius, score) in order of their scores, each averaged with those that lie nearly on it."""
    waiting = disks[disks[:, 3].argsort()[::-1]]
    while len(waiting):
        distance = np.linalg.norm(waiting[:, :2] - waiting[0, :2], axis=1)
        near = distance <= (waiting[0, 2] + waiting[:, 2]) * overlap
        near[0] = True
        yield waiting[near].mean(axis=0)
        waiting = waiting[~near]
