import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr import geometry
from ocr.types import Polygon, TextLine

sizes = st.floats(4, 500)


@st.composite
def rectangles(draw: st.DrawFn) -> tuple[tuple[float, float], tuple[float, float], float]:
    center = draw(st.floats(0, 1000)), draw(st.floats(0, 1000))
    return center, (draw(sizes), draw(sizes)), draw(st.floats(0, 90))


@given(rectangles())
def test_corners_run_clockwise_from_the_top_left(
    rectangle: tuple[tuple[float, float], tuple[float, float], float],
) -> None:
    polygon = geometry.corners(*rectangle)
    assert polygon.shape == (4, 2)
    assert polygon.dtype == np.float32
    assert cv2.contourArea(polygon, oriented=True) > 0  # clockwise, as y points down
    assert set(map(tuple, polygon.round(1))) == set(map(tuple, cv2.boxPoints(rectangle).round(1)))
    assert polygon[0][0] <= polygon[1][0]


@given(rectangles())
def test_a_box_holds_its_polygon_and_is_never_negative(
    rectangle: tuple[tuple[float, float], tuple[float, float], float],
) -> None:
    polygon = geometry.corners(*rectangle)
    left, top, width, height = TextLine(polygon, "x", 1.0).box
    assert width > 0
    assert height > 0
    assert (polygon >= np.array([left, top], dtype=np.float32)).all()
    assert np.allclose(polygon.max(axis=0), [left + width, top + height], atol=1e-3)


@given(rectangles())
def test_a_clipped_polygon_stays_inside_the_photo(
    rectangle: tuple[tuple[float, float], tuple[float, float], float],
) -> None:
    clipped = geometry.clipped(geometry.corners(*rectangle), (640, 480))
    assert (clipped >= 0).all()
    assert (clipped <= [640, 480]).all()


@given(rectangles(), st.floats(0, 0.3))
def test_a_rectangle_shrinks_by_a_share_of_its_shorter_side_on_all_sides(
    rectangle: tuple[tuple[float, float], tuple[float, float], float], share: float
) -> None:
    center, sides, angle = rectangle
    corners = geometry.corners(*rectangle)
    smaller = geometry.corners(center, [side - 2 * share * min(sides) for side in sides], angle)
    shrunk = geometry.shrunk(corners, share)
    assert shrunk.dtype == np.float32
    assert (distances(shrunk, smaller).min(axis=1) < 0.05).all()
    assert (distances(smaller, shrunk).min(axis=1) < 0.05).all()
    assert (distances(shrunk, corners).argmin(axis=1) == range(4)).all()


def distances(points: Polygon, others: Polygon) -> NDArray[np.float32]:
    """From each to each."""
    apart: NDArray[np.float32] = np.linalg.norm(points[:, np.newaxis] - others, axis=2)
    return apart


def test_a_polygon_has_the_longer_one_of_opposite_sides() -> None:
    corners = np.array([[0, 0], [100, 0], [90, 40], [10, 30]], dtype=np.float32)
    for turns in range(4):
        sides = geometry.side_lengths(np.roll(corners, turns, axis=0))
        assert sides == pytest.approx((100, np.hypot(10, 40))[:: (-1) ** turns])


def test_an_outline_of_five_corners_keeps_them_and_runs_clockwise() -> None:
    house = np.array([[50, 0], [100, 40], [100, 90], [0, 90], [0, 40]], dtype=np.float32)
    assert (geometry.clockwise(house) == house).all()
    assert (geometry.clockwise(house[::-1]) == house).all()


def test_what_is_only_a_point_stays_where_it_is() -> None:
    point = np.full((4, 2), 7, dtype=np.float32)
    assert (geometry.shrunk(point, 0.1) == point).all()


def test_a_tilted_crop_comes_out_straight() -> None:
    pixels = np.zeros((200, 300, 3), dtype=np.uint8)
    polygon = geometry.corners((150, 100), (120, 30), 20)
    cv2.fillPoly(pixels, [polygon.astype(np.int32)], (255, 255, 255))
    straight = geometry.crop(pixels, polygon)
    assert abs(straight.shape[0] - 30) <= 1
    assert abs(straight.shape[1] - 120) <= 1
    assert straight.mean() > 240


def test_a_high_crop_is_laid_on_its_side_so_that_it_begins_with_its_upper_end() -> None:
    pixels = np.zeros((300, 100, 3), dtype=np.uint8)
    pixels[:150] = 255
    laid = geometry.crop(pixels, box_polygon(10, 10, 40, 280))
    assert laid.shape == (40, 280, 3)
    assert laid[:, :140].min() == 255
    assert laid[:, 140:].max() == 0


@pytest.mark.parametrize(("width", "height", "column"), [(100, 149, False), (100, 150, True), (150, 100, False)])
def test_what_is_half_as_high_again_as_wide_is_a_column(width: int, height: int, column: bool) -> None:
    assert geometry.is_column(box_polygon(7, 8, width, height)) is column


def test_a_level_crop_is_copied_pixel_by_pixel() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (100, 200, 3), dtype=np.uint8)
    assert (geometry.crop(pixels, box_polygon(10.4, 19.6, 150, 30)) == pixels[20:50, 10:160]).all()


def test_a_crop_that_reaches_beyond_the_photo_goes_on_with_its_edge() -> None:
    pixels = np.full((100, 200, 3), 200, dtype=np.uint8)
    beyond = geometry.crop(pixels, box_polygon(-10, -5, 60, 30))
    assert beyond.shape == (30, 60, 3)
    assert (beyond == 200).all()


def test_a_crop_has_at_least_a_pixel() -> None:
    pixels = np.zeros((100, 200, 3), dtype=np.uint8)
    assert geometry.crop(pixels, box_polygon(50, 50, 0, 0)).size


def box_polygon(left: float, top: float, width: float, height: float) -> Polygon:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


@pytest.mark.parametrize(
    "boxes",
    [
        {  # rows, from left to right
            "second": (300, 12, 100, 30),
            "third": (5, 60, 90, 30),
            "first": (10, 20, 100, 30),
            "fourth": (200, 57, 90, 34),
        },
        {  # columns, from right to left, and a page number
            "fourth": (100, 40, 30, 200),
            "first": (235, 60, 110, 260),
            "third": (202, 300, 30, 150),
            "second": (200, 35, 30, 240),
            "fifth": (20, 500, 40, 30),
        },
        {  # no more columns than rows
            "fourth": (300, 20, 30, 200),
            "third": (10, 20, 30, 200),
            "second": (100, 60, 100, 30),
            "first": (100, 10, 100, 30),
        },
        {  # rows, although each line reaches down into the next one
            "second": (300, 0, 90, 30),
            "first": (200, 12, 90, 30),
            "fourth": (100, 24, 90, 30),
            "third": (0, 36, 90, 30),
        },
    ],
)
def test_reading_order_is_that_of_rows_or_of_columns(boxes: dict[str, tuple[int, int, int, int]]) -> None:
    names = list(boxes)
    order = geometry.reading_order([box_polygon(*place) for place in boxes.values()])
    assert [names[index] for index in order] == ["first", "second", "third", "fourth", "fifth"][: len(boxes)]


@given(st.lists(rectangles(), max_size=20))
def test_reading_order_keeps_every_line(
    found: list[tuple[tuple[float, float], tuple[float, float], float]],
) -> None:
    polygons = [geometry.corners(*rectangle) for rectangle in found]
    assert sorted(geometry.reading_order(polygons)) == list(range(len(polygons)))


@given(st.integers(0, 2**32 - 1), st.integers(20, 600))
def test_a_simplified_outline_lies_about_a_pixel_away_at_the_most(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, count))
    radius = 50 + 20 * np.sin(3 * angles) + random.uniform(-0.5, 0.5, count)
    outline = np.column_stack([200 + radius * np.cos(angles), 200 + radius * np.sin(angles)]).astype(np.float32)
    kept = geometry.simplified(outline, 1)
    assert 4 <= len(kept) <= count
    assert max(abs(cv2.pointPolygonTest(kept, point.tolist(), measureDist=True)) for point in outline) <= 1.5


def test_a_rectangle_is_simple_and_a_triangle_no_outline_of_a_line() -> None:
    rectangle = np.array([[0, 0], [9, 0], [9, 5], [0, 5]], np.float32)
    assert geometry.simplified(rectangle, 100) is rectangle
    pentagon = np.array([[0, 0], [50, 1], [100, 0], [50, 80], [49, 79]], np.float32)
    assert geometry.simplified(pentagon, 10) is pentagon
