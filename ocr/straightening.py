"""Curved lines, straightened for the recognizer.

A detector of curved text gives a contour. If it is a bent band, its two long sides are found, and the band is
resampled from one to the other, as ABCNet does along its Bezier curves (Liu et al., https://arxiv.org/abs/2002.10200,
3.2) and TextSnake along its centre line (Long et al., https://arxiv.org/abs/1807.01544, 3.3).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.types import Pixels, Polygon

MIN_STRAIGHT_SHARE = 0.75  # a straight line fills at least this share of the rectangle around it; a disk fills 0.79
CONTOUR_POINTS = 96  # a contour is resampled to these
SIDE_POINTS = 25  # on each of two sides that are compared
FULL_WIDTH_SHARE = 0.9  # a band's round ends are narrower than this share of its width: there, its sides are replaced
MAX_AREA_RATIO = 2  # area of the straightened band to that of the polygon: a shape that is no band must not fill memory
MIN_COLUMN_RATIO = 1.5  # height to width from which a line begins at its upper end instead of its left one


def is_curved(polygon: Polygon) -> bool:
    """Whether a polygon is so bent that much of the rectangle around it is not the line."""
    if len(polygon) == 4:
        return False
    _, (width, height), _ = cv2.minAreaRect(polygon)
    return cv2.contourArea(polygon) < MIN_STRAIGHT_SHARE * width * height


def straighten(pixels: Pixels, polygon: Polygon) -> Pixels:
    """Crop a bent band and lay it straight, its beginning on the left."""
    upper, lower = find_sides(polygon)
    middle = (upper + lower) / 2
    length = _measure_length(middle)
    height = max(1, round(float(np.median(np.linalg.norm(lower - upper, axis=1)))))
    width = max(1, round(min(length[-1], MAX_AREA_RATIO * cv2.contourArea(polygon) / height)))
    at = (np.arange(width) + 0.5) * length[-1] / width
    top, bottom = (_interpolate(side, length, at).astype(np.float32) for side in (upper, lower))
    down = ((np.arange(height, dtype=np.float32) + np.float32(0.5)) / height)[:, np.newaxis, np.newaxis]
    points = top + (bottom - top) * down
    return cv2.remap(  # type: ignore[return-value]
        pixels, points[..., 0], points[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def find_sides(polygon: Polygon) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The upper and the lower side of a bent band, (n, 2) each, both from where the line begins.

    Of all pairs of points on the contour, the tips of the band are those between which the two ways around the contour
    lie closest together.
    """
    contour = _resample(polygon)
    start = np.arange(CONTOUR_POINTS)[:, np.newaxis, np.newaxis]
    steps = np.arange(CONTOUR_POINTS // 4, 3 * CONTOUR_POINTS // 4)[:, np.newaxis]
    part = np.linspace(0, 1, SIDE_POINTS)
    clockwise, counterclockwise = (
        contour[np.round(way).astype(int) % CONTOUR_POINTS]
        for way in (start + part * steps, start - part * (CONTOUR_POINTS - steps))
    )
    distance = np.linalg.norm(clockwise - counterclockwise, axis=3).mean(axis=2)
    best = np.unravel_index(distance.argmin(), distance.shape)
    upper, lower = clockwise[best], counterclockwise[best]
    across, down = upper[-1] - upper[0]
    if (down if abs(down) >= MIN_COLUMN_RATIO * abs(across) else across) < 0:
        upper, lower = lower[::-1], upper[::-1]
    return _square_ends(upper, lower)


def _resample(polygon: Polygon) -> NDArray[np.float64]:
    """CONTOUR_POINTS points on a closed contour, (n, 2), equally far from each other along it."""
    closed = np.vstack([polygon, polygon[:1]]).astype(np.float64)
    length = _measure_length(closed)
    return _interpolate(closed, length, np.arange(CONTOUR_POINTS) * length[-1] / CONTOUR_POINTS)


def _measure_length(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each point, (n, 2), is from the first along the line through all of them: (n,) in pixels."""
    return np.concatenate([[0], np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()])


def _interpolate(
    points: NDArray[np.float64], length: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The points, (m, 2), that lie `at` these lengths along a line through points, (n, 2)."""
    return np.stack([np.interp(at, length, points[:, axis]) for axis in (0, 1)], axis=1)


def _square_ends(
    upper: NDArray[np.float64], lower: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Replace the ends of sides that meet at the tips of a band: continue them straight to the tips at full width."""
    first_tip, last_tip = upper[0], upper[-1]
    width = np.linalg.norm(upper - lower, axis=1)
    wide = np.flatnonzero(width >= FULL_WIDTH_SHARE * np.median(width))
    upper, lower = (side[wide[0] : wide[-1] + 1] for side in (upper, lower))
    begin, end = (first_tip - (upper[0] + lower[0]) / 2), (last_tip - (upper[-1] + lower[-1]) / 2)
    upper, lower = (np.vstack([side[0] + begin, side, side[-1] + end]) for side in (upper, lower))
    return upper, lower
