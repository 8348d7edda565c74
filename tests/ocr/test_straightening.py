import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ocr import geometry, straightening
from ocr.types import Polygon

HEIGHT = 40


def arc(
    start: float, end: float, radius: float = 200, *, round_ends: bool = False
) -> tuple[Polygon, NDArray[np.uint8]]:
    """A band along a circle around (300, 300), between angles in degrees, and a picture whose colours give positions.

    Blue is the position along the band, green the distance from its outer side, both 0-250.
    """
    y, x = np.mgrid[0:600, 0:600].astype(np.float32)
    angle = np.mod(np.degrees(np.arctan2(y - 300, x - 300)) - start, 360)
    outside = radius + HEIGHT / 2 - np.hypot(x - 300, y - 300)
    along, down = angle / (end - start), outside / HEIGHT
    mask = ((along >= 0) & (along <= 1) & (down >= 0) & (down <= 1)).astype(np.uint8)
    if round_ends:
        for tip in np.radians([start, end]):
            cv2.circle(mask, (round(300 + radius * np.cos(tip)), round(300 + radius * np.sin(tip))), HEIGHT // 2, 1, -1)
    picture = np.stack([along * 250, down * 250, np.zeros_like(along)], axis=2).clip(0, 255).astype(np.uint8)
    outline = max(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
    return geometry.clockwise(outline[:, 0].astype(np.float32)), picture


@pytest.mark.parametrize(("start", "end"), [(200, 340), (170, 370), (230, 310)])
def test_an_arc_is_straightened_from_left_to_right(start: float, end: float) -> None:
    polygon, picture = arc(start, end)
    assert straightening.is_curved(polygon)
    band = geometry.crop(picture, polygon)
    length = np.radians(end - start) * 200
    assert abs(band.shape[1] - length) < 0.06 * length
    assert abs(band.shape[0] - HEIGHT) <= 3
    height, width = band.shape[:2]
    inside = band[height // 4 : -height // 4, width // 10 : -width // 10].astype(float)
    rows, columns = inside[..., 1].mean(axis=1), inside[..., 0].mean(axis=0)
    assert (np.diff(rows) > 0).all()  # the outer side is the upper one
    assert (np.diff(columns) > -1).all()
    assert abs(columns.mean() - 125) < 6
    assert inside[..., 0].std(axis=0).max() < 8  # columns stand across the band


def test_round_ends_are_continued_at_full_height() -> None:
    polygon, picture = arc(210, 330, round_ends=True)
    band = geometry.crop(picture, polygon)
    assert abs(band.shape[1] - (np.radians(120) * 200 + HEIGHT)) < 20
    assert abs(band.shape[0] - HEIGHT) <= 3


def test_a_smile_is_read_from_left_to_right_too() -> None:
    polygon, picture = arc(30, 150)  # the angle grows from right to left
    band = geometry.crop(picture, polygon).astype(float)
    assert band[:, 30, 0].mean() > band[:, -30, 0].mean()
    assert band[3, :, 1].mean() > band[-3, :, 1].mean()  # the inner side is the upper one


def test_an_upright_arc_is_read_downwards() -> None:
    polygon, picture = arc(120, 240)  # the left part of a circle
    band = geometry.crop(picture, polygon).astype(float)
    assert band[:, 30, 0].mean() > band[:, -30, 0].mean()  # the angle grows upwards


def test_a_straight_outline_is_cropped_as_its_rectangle() -> None:
    corners = geometry.corners((150, 100), (200, 40), 20)
    dense = np.concatenate(
        [np.linspace(a, b, 20, endpoint=False) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)]
    )
    assert not straightening.is_curved(dense.astype(np.float32))
    picture = np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    one, other = (geometry.crop(picture, polygon.astype(np.float32)) for polygon in (corners, dense))
    assert np.abs(np.subtract(one.shape, other.shape)).max() <= 1
    assert geometry.side_lengths(dense.astype(np.float32)) == pytest.approx((200, 40), abs=0.1)


def test_a_shape_that_is_no_band_takes_no_more_memory_than_twice_its_area() -> None:
    angles = np.radians(np.arange(0, 360, 1))
    star = np.stack([500 + 450 * np.cos(angles), 500 + 450 * np.sin(angles)], axis=1)
    star[::2] = 500 + (star[::2] - 500) / 20  # 180 thin rays
    polygon = star.astype(np.float32)
    assert straightening.is_curved(polygon)
    band = geometry.crop(np.zeros((1000, 1000, 3), np.uint8), polygon)
    assert band.shape[0] * band.shape[1] <= 2.1 * cv2.contourArea(polygon)


def test_a_disk_is_not_curved() -> None:
    angles = np.radians(np.arange(0, 360, 5))
    disk = np.stack([50 + 20 * np.cos(angles), 50 + 20 * np.sin(angles)], axis=1).astype(np.float32)
    assert not straightening.is_curved(disk)
