"""Curved lines made straight, as a recognizer wants them.

A detector of curved text gives a contour. Where it is a bent band, its two long sides are found, and the band is
sampled from one to the other, as ABCNet does along its Bezier curves (Liu et al., https://arxiv.org/abs/2002.10200,
3.2) and TextSnake along its centre line (Long et al., https://arxiv.org/abs/1807.01544, 3.3).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.types import Pixels, Polygon

STRAIGHT = 0.75  # of the rectangle around it that a straight line fills at least: a disk fills 0.79
AROUND = 96  # points that a contour is looked at in
ALONG = 25  # points on each of the sides that are compared
FULL = 0.9  # of a band's width; where it is narrower, at its round ends, the sides are continued straight on
MOST = 2  # times its area that a band laid straight may have: what is no band at all must not fill the memory
COLUMN = 1.5  # times as high as wide: such a line begins at its upper end, not at its left one


def is_curved(polygon: Polygon) -> bool:
    """Whether a polygon is bent, so that the rectangle around it would cut out much that is not the line."""
    if len(polygon) == 4:
        return False
    _, (width, height), _ = cv2.minAreaRect(polygon)
    return cv2.contourArea(polygon) < STRAIGHT * width * height


def straightened(pixels: Pixels, polygon: Polygon) -> Pixels:
    """Cut a bent band out of a picture and lay it straight, its beginning on the left."""
    upper, lower = sides(polygon)
    middle = (upper + lower) / 2
    length = np.concatenate([[0], np.linalg.norm(np.diff(middle, axis=0), axis=1).cumsum()])
    height = max(1, round(float(np.median(np.linalg.norm(lower - upper, axis=1)))))
    width = max(1, round(min(length[-1], MOST * cv2.contourArea(polygon) / height)))
    at = (np.arange(width) + 0.5) * length[-1] / width
    top, bottom = (
        np.stack([np.interp(at, length, side[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)
        for side in (upper, lower)
    )
    down = ((np.arange(height, dtype=np.float32) + np.float32(0.5)) / height)[:, np.newaxis, np.newaxis]
    places = top + (bottom - top) * down
    return cv2.remap(  # type: ignore[return-value]
        pixels, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def sides(polygon: Polygon) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The upper and the lower side of a bent band, (n, 2) each, both from where the line begins.

    Of all pairs of points on the contour, the ends of the band are those for which the two ways around lie closest
    together.
    """
    contour = _spaced(polygon)
    start = np.arange(AROUND)[:, np.newaxis, np.newaxis]
    steps = np.arange(AROUND // 4, 3 * AROUND // 4)[:, np.newaxis]
    part = np.linspace(0, 1, ALONG)
    one, other = (
        contour[np.round(way).astype(int) % AROUND] for way in (start + part * steps, start - part * (AROUND - steps))
    )
    apart = np.linalg.norm(one - other, axis=3).mean(axis=2)
    best = np.unravel_index(apart.argmin(), apart.shape)
    upper, lower = one[best], other[best]
    across, down = upper[-1] - upper[0]
    if (down if abs(down) >= COLUMN * abs(across) else across) < 0:
        upper, lower = lower[::-1], upper[::-1]
    return _squared(upper, lower)


def _spaced(polygon: Polygon) -> NDArray[np.float64]:
    """AROUND points on a closed contour, equally far from each other along it."""
    closed = np.vstack([polygon, polygon[:1]]).astype(np.float64)
    length = np.concatenate([[0], np.linalg.norm(np.diff(closed, axis=0), axis=1).cumsum()])
    at = np.arange(AROUND) * length[-1] / AROUND
    return np.stack([np.interp(at, length, closed[:, axis]) for axis in (0, 1)], axis=1)


def _squared(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sides that meet at the tips of a band, cut where it narrows and continued to the tips at full width."""
    first_tip, last_tip = upper[0], upper[-1]
    width = np.linalg.norm(upper - lower, axis=1)
    wide = np.flatnonzero(width >= FULL * np.median(width))
    upper, lower = (side[wide[0] : wide[-1] + 1] for side in (upper, lower))
    begin, end = (first_tip - (upper[0] + lower[0]) / 2), (last_tip - (upper[-1] + lower[-1]) / 2)
    one, other = (np.vstack([side[0] + begin, side, side[-1] + end]) for side in (upper, lower))
    return one, other
