"""Curved text as a chain of disks: TextSnake (Long et al., https://arxiv.org/abs/1807.01544, 3.3), decoded as by MMOCR.

A line is a region where the map of centre lines is high. The region is thinned to a skeleton, whose points are moved to
the middle of the region; disks around them, with the radius that the network gives, cover the line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from ocr.detector import Region
from ocr.geometry import clockwise

STEP_RADII = 0.03  # the step in which points walk to the edge of their region
MAX_STEPS = 1000  # some tens are usual, but with a radius of nearly 0 a point never arrives


@dataclass(frozen=True, slots=True)
class TextSnakeDecoder:
    """Decodes TextSnake's maps; fields and defaults are those of MMOCR's TextSnakePostprocessor."""

    min_center_region_confidence: float = 0.2
    """The probability (0-1) from which a pixel belongs to a centre line."""

    min_center_area: float = 30
    """The area in pixels from which the region of a centre line is a line."""

    disk_overlap_thr: float = 0.03
    """Disks are merged if their centres are at most this share of the sum of their radii apart."""

    radius_shrink_ratio: float = 1.03
    """Factor of the network's radii."""

    def __call__(self, maps: NDArray[np.float32]) -> list[Region]:
        """The lines in maps (5, H, W): probabilities of text and of centre, sine, cosine, and radius in pixels."""
        center = maps[1] * maps[0]
        regions = _fill_holes((center > self.min_center_region_confidence).astype(np.uint8))
        contours, _ = cv2.findContours(regions, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        lines = (self._decode(maps, center, contour) for contour in contours if self._is_large(contour))
        return [line for line in lines if line]

    def _is_large(self, contour: MatLike) -> bool:
        return cv2.contourArea(contour) >= self.min_center_area

    def _decode(self, maps: NDArray[np.float32], center: NDArray[np.float32], contour: MatLike) -> Region | None:
        left, top, width, height = cv2.boundingRect(contour)
        region = np.zeros((height + 2, width + 2), np.uint8)  # with a margin, for points that walk out of the region
        cv2.drawContours(region, [contour], -1, 1, -1, offset=(1 - left, 1 - top))
        points = np.argwhere(thin(region.astype(bool)))
        corner = np.array([top - 1, left - 1])
        sine, cosine, radius = (maps[channel][tuple((points + corner).T)] for channel in (2, 3, 4))
        points = _center(points, region, sine, cosine, radius) + corner
        at = tuple(points.T)
        disks = np.column_stack([points[:, ::-1], maps[4][at] * self.radius_shrink_ratio, center[at]])
        covered = np.zeros(center.shape, np.uint8)
        for x, y, disk_radius, _ in _merge(disks.astype(np.float64), self.disk_overlap_thr):
            if disk_radius > 1:
                cv2.circle(covered, (int(x), int(y)), int(disk_radius), 1, -1)
        outlines, _ = cv2.findContours(covered, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        if not outlines or cv2.contourArea(outlines[0]) == 0 or len(outlines[0]) <= 4:
            return None
        return Region(clockwise(outlines[0].reshape(-1, 2).astype(np.float32)), float(cv2.mean(maps[0], covered)[0]))


def _fill_holes(regions: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Regions, (H, W) of 0 and 1, without their holes."""
    padded = cv2.copyMakeBorder(regions, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    outside = cv2.floodFill(padded.copy(), None, (0, 0), 1)[1]
    return np.where(outside == 0, 1, padded)[1:-1, 1:-1].astype(np.uint8)


def thin(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The skeleton of a region, (H, W), that does not touch the edge (Zhang and Suen, CACM 27(3), 1984)."""
    while True:
        before = region
        for corner in (0, 2):  # removes pixels at the south and east, then at the north and west
            ring = np.stack(list(_shift_neighbours(region)))
            count = ring.sum(axis=0)
            transitions = (~ring & np.roll(ring, -1, axis=0)).sum(axis=0)
            sides = np.roll(ring[::2], -corner, axis=0)
            exposed = ~sides[:3].all(axis=0) & ~sides[1:].all(axis=0)
            region = region & ~((count >= 2) & (count <= 6) & (transitions == 1) & exposed)
        if np.array_equal(region, before):
            return region


def _shift_neighbours(region: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Every pixel's neighbour in each direction, clockwise from the north, as eight maps; none is beyond the edge."""
    for down, across in ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)):
        yield np.roll(region, (-down, -across), axis=(0, 1))


def _center(
    points: NDArray[np.int64],
    region: NDArray[np.uint8],
    sine: NDArray[np.float32],
    cosine: NDArray[np.float32],
    radius: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Points (y, x), each moved along its normal to the middle between the two edges of its region."""
    normal = np.column_stack([cosine, -sine]) / np.sqrt(sine**2 + cosine**2 + 1e-8)[:, np.newaxis]
    step = STEP_RADII * radius[:, np.newaxis] * normal
    return ((_walk(points, region, step) + _walk(points, region, -step)) * 0.5).astype(np.int64)


def _walk(points: NDArray[np.int64], region: NDArray[np.uint8], step: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where points (y, x) end that take steps for as long as the next one stays in the region."""
    at = points.astype(np.float64)
    for _ in range(MAX_STEPS):
        y, x = np.clip((at + step).astype(np.int64), 0, np.array(region.shape) - 1).T
        inside = region[y, x].astype(bool)
        if not inside.any():
            break
        at[inside] += step[inside]
    return at


def _merge(disks: NDArray[np.float64], overlap: float) -> Iterator[NDArray[np.float64]]:
    """Disks (x, y, radius, score), the best scores first, each averaged with those whose centres nearly coincide."""
    waiting = disks[disks[:, 3].argsort()[::-1]]
    while len(waiting):
        distance = np.linalg.norm(waiting[:, :2] - waiting[0, :2], axis=1)
        near = distance <= (waiting[0, 2] + waiting[:, 2]) * overlap
        near[0] = True
        yield waiting[near].mean(axis=0)
        waiting = waiting[~near]
