import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.textsnake import TextSnakeDecoder, thin

RADIUS = 14
SIZE = (240, 420)


def maps(*lines: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a perfect network gives for lines along these points (n, 2)."""
    found = np.zeros((5, *SIZE), np.float32)
    for points in lines:
        for (x, y), (across, down) in zip(points, np.gradient(points, axis=0), strict=True):
            angle, at = np.arctan2(down, across), (round(x), round(y))
            for channel, value in enumerate((0.95, 0.9, np.sin(angle), np.cos(angle), RADIUS)):
                cv2.circle(found[channel], at, RADIUS // 3 if channel == 1 else RADIUS, float(value), -1)
    return found


def wave(height: float, top: float) -> NDArray[np.float64]:
    x = np.linspace(50, 370, 160)
    return np.stack([x, top + height * np.sin((x - 50) / 320 * np.pi)], axis=1)


@pytest.mark.parametrize("height", [0, 40, -40])
def test_a_line_is_covered_by_its_disks(height: float) -> None:
    points = wave(height, 110)
    (line,) = TextSnakeDecoder()(maps(points))
    drawn, covered = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    for x, y in points:
        cv2.circle(drawn, (round(x), round(y)), RADIUS, 1, -1)
    cv2.fillPoly(covered, [line.polygon.astype(np.int32)], 1)
    assert (drawn & covered).sum() / (drawn | covered).sum() > 0.85
    assert cv2.contourArea(line.polygon, oriented=True) > 0
    assert 0.85 < line.probability < 0.96


def test_two_lines_are_found_and_a_speck_is_not() -> None:
    both = maps(wave(0, 60), wave(30, 140))
    both[:2, 220:224, 10:14] = 1
    assert len(TextSnakeDecoder()(both)) == 2
    assert TextSnakeDecoder(min_center_area=10**6)(both) == []


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert TextSnakeDecoder()(np.zeros((5, 64, 64), np.float32)) == []


def test_a_radius_of_nearly_zero_ends_too() -> None:
    found = maps(wave(0, 100))
    found[4] = 1e-6  # points would walk for ever
    assert TextSnakeDecoder()(found) == []


@given(st.integers(0, 2**16), st.integers(1, 2))
def test_noise_gives_polygons_inside_or_nothing(seed: int, scale: int) -> None:
    small = np.random.default_rng(seed).normal(0.5, 0.6, (24, 32, 5)) * (1, 1, 1, 1, 20)
    noise = np.asarray(cv2.resize(small, None, fx=scale, fy=scale))
    for line in TextSnakeDecoder()(noise.transpose(2, 0, 1).astype(np.float32)):
        assert len(line.polygon) > 4
        assert (line.polygon >= 0).all()
        assert (line.polygon < (32 * scale, 24 * scale)).all()


def test_a_skeleton_is_thin_and_lies_within() -> None:
    region = np.zeros((40, 80), bool)
    region[10:30, 10:70] = True
    skeleton = thin(region)
    assert not (skeleton & ~region).any()
    assert skeleton[:, 20:60].any(axis=0).all()  # as long as the region, but for its ends
    assert skeleton.sum(axis=0).max() <= 2
