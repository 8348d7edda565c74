import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.detector import SHORTEST, SIDES, STRIP, Detector, Region, input_size, regions, strips, unexplained
from ocr.types import box
from tests.fakes.detector import DarkIsText, InkIsEvidence, page


def found(pixels: NDArray[np.uint8], px_per_px: float = 1.0, network: DarkIsText | None = None) -> list[Region]:
    height, width = pixels.shape[:2]
    return Detector(network or DarkIsText())(pixels, input_size(width, height, px_per_px)).regions


def test_each_dark_bar_is_a_line_that_reaches_a_little_beyond_it() -> None:
    bars = [(100, 100, 300, 24), (500, 400, 200, 40)]
    boxes = sorted(box(region.polygon) for region in found(page(900, 800, *bars)))
    assert len(boxes) == 2
    for (x, y, width, height), (left, top, wide, high) in zip(bars, boxes, strict=True):
        assert x - 30 < left < x
        assert y - 40 < top < y
        assert left + wide > x + width
        assert top + high > y + height


def test_an_empty_page_has_no_lines() -> None:
    assert found(np.full((300, 400, 3), 250, dtype=np.uint8)) == []


def test_a_strip_that_ends_half_way_is_empty_beside_others() -> None:
    assert found(page(400, 300)) == []
    assert found(page(3000, 1500)) == []
    assert len(found(page(3000, 1500, (100, 700, 300, 40)))) == 1


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [(800, 608), (3008, 1504)])
def test_evidence_is_unexplained_where_there_is_neither_a_region_nor_one_beside(
    size: tuple[int, int], turned: bool
) -> None:
    width, height = size
    pixels = page(width, height, (width // 4, 160, 200, 40))
    pale = [(width // 4 + 80, 400, 160, 8), (width // 4 + 80, 208, 40, 8)]
    for x, y, w, h in pale:
        pixels[y : y + h, x : x + w] = 200
    pixels = np.ascontiguousarray(pixels.transpose(1, 0, 2)) if turned else pixels
    height, width = pixels.shape[:2]
    detection = Detector(InkIsEvidence())(pixels, (width, height))
    assert detection.evidence.shape == (height // 8, width // 8)
    assert len(detection.regions) == 1
    known = [region.polygon / np.float32(8) for region in detection.regions]
    left = unexplained(detection.evidence > 0, known).sum()
    assert left in (20, 21)  # the cells of a strip are not those of the next
    assert unexplained(detection.evidence > 0, []).sum() > left
    assert Detector(DarkIsText())(pixels, (width, height)).evidence.size == 0


def test_two_lines_that_touch_are_two_regions() -> None:
    probability = np.zeros((320, 480), dtype=np.float32)
    for left, top, right, bottom in ((40, 200, 240, 230), (260, 120, 330, 230)):
        probability[top:bottom, left:right] = 1
    apart = sorted(regions(probability), key=lambda region: region.polygon[0][0])
    probability[212:220, 240:260] = 0.6
    touching = sorted(regions(probability), key=lambda region: region.polygon[0][0])
    assert len(touching) == len(apart) == 2
    for one, other in zip(touching, apart, strict=True):
        np.testing.assert_allclose(one.polygon, other.polygon, atol=6)
    probability[probability == 1] = 0.8  # there is no core: what looks like one region may be one
    assert len(regions(probability)) == 1


def test_specks_are_no_lines() -> None:
    assert regions(np.pad(np.ones((2, 2), dtype=np.float32), 50)) == []


def test_every_cell_of_a_large_spreadsheet_is_found() -> None:
    cells = [(x, y, 16, 5) for x in range(10, 1980, 22) for y in range(10, 1180, 20)]
    assert len(found(page(1984, 1184, *cells))) == len(cells) > 5000


def test_a_pale_region_is_doubtful_and_a_paler_one_is_none() -> None:
    (doubtful,) = regions(np.pad(np.full((20, 90), 0.4, dtype=np.float32), 50))
    assert 0.3 < doubtful.probability < 0.5
    assert regions(np.pad(np.full((20, 90), 0.2, dtype=np.float32), 50)) == []


@given(st.integers(1, 2500), st.integers(1, 2500), st.floats(0.1, 2))
def test_the_network_sees_multiples_of_32_about_as_large_as_wanted_and_in_bounded_strips(
    width: int, height: int, scale: float
) -> None:
    network = DarkIsText()
    found(page(width, height), scale, network)
    seen_height, seen_width = (max(shape[axis] for shape in network.shapes) for axis in (0, 1))
    assert seen_height % 32 == seen_width % 32 == 0
    breadth = max(seen_height, seen_width)
    assert seen_height * seen_width <= max(STRIP, SHORTEST * breadth) + 32 * breadth  # whole multiples of 32
    wanted = max(width, height) * scale
    if len(network.shapes) == 1 and 32 < wanted < SIDES[-1]:
        assert max(seen_height, seen_width) in SIDES
        assert 0.66 < max(seen_height, seen_width) / wanted < 1.34


@given(st.integers(1, 400), st.integers(1, 300))
def test_strips_cover_a_side_without_gaps(length: int, breadth: int) -> None:
    end = 0
    for first, last, own in strips(length * 32, breadth * 32):
        assert first + own.start == end
        assert 0 <= first < last <= length * 32
        end = first + own.stop
    assert end == length * 32


def test_a_line_across_strips_is_one_line() -> None:
    network = DarkIsText()
    (region,) = found(page(3000, 1500, (100, 700, 2800, 40)), network=network)
    assert len(network.shapes) > 1
    assert box(region.polygon)[2] > 2800


@given(st.integers(40, 3000), st.integers(40, 3000))
def test_polygons_are_in_pixels_of_the_picture_and_inside_it(width: int, height: int) -> None:
    pixels = page(width, height, (0, 0, width, height))
    for polygon, _ in found(pixels, 0.5):
        assert (polygon >= 0).all()
        assert (polygon <= [width, height]).all()


def test_specks_do_not_displace_lines() -> None:
    probability = np.zeros((2000, 2000), dtype=np.float32)
    probability[10:40, 10:600] = 1
    probability[100::30, ::40] = 1  # 3200 of them
    assert len(regions(probability)) == 1
