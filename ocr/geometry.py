"""Rectangles around text: corners in order, cutting out, reading order, scaling."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr import straightening
from ocr.types import Pixels, Polygon, box

SMALL = 96  # pixels of height; a higher line is halved at least before it is read, so it needs no finer resampling


def corners(center: Sequence[float], size: Sequence[float], angle: float) -> Polygon:
    """The corners of a rotated rectangle as cv2.minAreaRect gives it, clockwise from its top left one."""
    return clockwise(cv2.boxPoints((center, size, angle)).astype(np.float32, copy=False))


def clockwise(points: Polygon) -> Polygon:
    """The same polygon clockwise, if it has four corners from its top left one.

    Their two leftmost corners are the left side, of these the upper one is the top left: text is taken to
    run from left to right, at up to 45 degrees.
    """
    if len(points) > 4:
        return points if cv2.contourArea(points, oriented=True) > 0 else points[::-1]
    points = points[np.argsort(points[:, 0], kind="stable")]
    top_left, bottom_left = points[:2][np.argsort(points[:2, 1], kind="stable")]
    top_right, bottom_right = points[2:][np.argsort(points[2:, 1], kind="stable")]
    return np.array([top_left, top_right, bottom_right, bottom_left], dtype=np.float32)


def simplified(polygon: Polygon, distance: float) -> Polygon:
    """A polygon with as few of its points as keep the outline within `distance` pixels (Douglas and Peucker, 1973).

    The distance is to the straight lines through the points that stay, so at a sharp tip it may be a little more. A
    polygon with four points stays as it is, and so does one of which fewer than four would be left.
    """
    if len(polygon) <= 4:
        return polygon
    kept: Polygon = cv2.approxPolyDP(polygon, distance, closed=True)[:, 0].astype(np.float32)
    return kept if len(kept) >= 4 else polygon


def side_lengths(polygon: Polygon) -> tuple[float, float]:
    """Width and height of a polygon in pixels: the longer one of each pair of opposite sides."""
    top_left, top_right, bottom_right, bottom_left = quad(polygon).tolist()
    width = max(math.dist(top_left, top_right), math.dist(bottom_right, bottom_left))
    return width, max(math.dist(top_right, bottom_right), math.dist(bottom_left, top_left))


def quad(polygon: Polygon) -> Polygon:
    """A polygon's four corners, or those of the rectangle around one that has more."""
    return polygon if len(polygon) == 4 else corners(*cv2.minAreaRect(polygon))


def shrunk(polygon: Polygon, share: float) -> Polygon:
    """Four corners moved inwards, from every side by `share` (0 to 0.5) of the shorter one."""
    sides = [max(1.0, side) for side in side_lengths(polygon)]
    across, down = (np.array([[1 - part, part], [part, 1 - part]]) for part in share * min(sides) / np.array(sides))
    right, low = (0, 1, 1, 0), (0, 0, 1, 1)
    moved: Polygon = (across[np.ix_(right, right)] * down[np.ix_(low, low)] @ polygon).astype(np.float32)
    return moved


def crop(pixels: Pixels, polygon: Polygon) -> Pixels:
    """Cut a polygon out and straighten it, a bent one too; a column is turned to lie."""
    if straightening.is_curved(polygon):
        return straightening.straighten(pixels, polygon)
    polygon = np.round(quad(polygon))
    width, height = (max(1, int(side)) for side in side_lengths(polygon))
    left, top = (max(0, int(value)) for value in polygon[0])
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    if np.array_equal(polygon, target + np.array([left, top])):  # level: nothing to straighten
        straight = pixels[top : top + height, left : left + width]
    else:
        straight = cv2.warpPerspective(  # type: ignore[assignment]
            pixels,
            cv2.getPerspectiveTransform(polygon, target),
            (width, height),
            flags=cv2.INTER_CUBIC if height < SMALL else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return cv2.rotate(straight, cv2.ROTATE_90_COUNTERCLOCKWISE) if is_column(polygon) else straight  # type: ignore[return-value]


def is_column(polygon: Polygon) -> bool:
    """Whether a polygon is at least 1.5 times as high as wide: its line runs downwards, or upwards.

    PaddleOCR's rule (tools/infer/utility.py, get_rotate_crop_image).
    """
    width, height = (max(1, int(side)) for side in side_lengths(np.round(polygon)))
    return height >= 1.5 * width


def short_among_columns(polygons: Sequence[Polygon]) -> list[int]:
    """Indices of those that may be columns too short to tell: where more lines are columns than run level."""
    sides = [side_lengths(polygon) for polygon in polygons]
    columns = [is_column(polygon) for polygon in polygons]
    level = [width >= 1.5 * height for width, height in sides]
    if sum(columns) <= sum(level):
        return []
    return [index for index, (width, height) in enumerate(sides) if not columns[index] and width < 2 * height]


def reading_order(polygons: Sequence[Polygon]) -> list[int]:
    """Indices of polygons from top to bottom, within a row from left to right.

    A polygon belongs to the row whose first polygon's vertical extent holds its middle. Where most lines are columns,
    as in Chinese and Japanese, the columns are read from right to left, each from top to bottom.
    """
    boxes = [box(polygon) for polygon in polygons]
    if 2 * sum(is_column(polygon) for polygon in polygons) > len(polygons):
        boxes = [(top, -(left + width), height, width) for left, top, width, height in boxes]
    rows: list[list[int]] = []
    for index in sorted(range(len(boxes)), key=lambda i: boxes[i][1] + boxes[i][3] / 2):
        middle = boxes[index][1] + boxes[index][3] / 2
        if rows and middle <= boxes[rows[-1][0]][1] + boxes[rows[-1][0]][3]:
            rows[-1].append(index)
        else:
            rows.append([index])
    return [index for row in rows for index in sorted(row, key=lambda i: boxes[i][0])]


def clipped(polygon: Polygon, size: tuple[int, int]) -> Polygon:
    """A polygon kept inside a picture of `size` (width, height)."""
    limits: NDArray[np.float32] = np.array(size, dtype=np.float32)
    return np.clip(polygon, 0, limits)
