import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ocr.decoding import Photo
from ocr.detector import Detector
from ocr.search import SIDES_PX, Line, Search, Window, affordable, combined, for_cut, look, merged
from ocr.types import DetectorOutput, Limits, Polygon, Reading, box
from tests.fakes.detector import DarkIsText, InkIsEvidence, page

COARSE = (608, 800, 3)  # of a photo of 4 x 3


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def find(
    data: bytes, *, coarse: bool = True, max_side: int = 2000, network: DarkIsText | None = None
) -> tuple[list[tuple[float, ...]], list[tuple[int, ...]], Reading]:
    """The boxes found in pixels of the full photo, the shapes that the network saw, and the reading."""
    network, reading = network or InkIsEvidence(), Reading()
    limits = Limits(max_side=max_side, max_pixels=10**8, min_score=0.5)
    detector = Detector(network)
    _, polygons = Search(detector, limits, detector if coarse else None)(data, reading)
    return [box(polygon) for polygon in polygons], network.shapes, reading


def area(*shapes: tuple[int, ...]) -> int:
    return sum(shape[0] * shape[1] for shape in shapes)


def covers(found: tuple[float, ...], bar: tuple[int, ...]) -> bool:
    """Whether a box is around a bar, and not much larger."""
    left, top, width, height = found
    x, y, w, h = bar
    reach = 2 * h + 8
    return (
        x - reach < left <= x + 2 < x + w - 2 <= left + width < x + w + reach
        and y - reach < top <= y + 2 <= y + h - 2 <= top + height < y + h + reach
    )


def all_found(boxes: list[tuple[float, ...]], bars: list[tuple[int, int, int, int]]) -> bool:
    """Whether each bar is found, once, and nothing else."""
    return len(boxes) == len(bars) and all(any(covers(found, bar) for found in boxes) for bar in bars)


def test_a_photo_without_text_gets_a_coarse_pass_and_no_more() -> None:
    boxes, shapes, reading = find(jpeg(page(4000, 3000)))
    assert boxes == []
    assert shapes == [COARSE]
    assert list(reading.seconds) == ["decode", "coarse"]


@pytest.mark.parametrize("size", [(1, 300_000), (300_000, 1), (200, 20_000)])
def test_the_coarse_pass_over_a_thread_is_bounded(size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, "PNG")
    _, shapes, _ = find(file.getvalue(), max_side=500)
    assert 500_000 < area(*shapes) < 1_500_000  # strips share a little


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 4000)])
def test_a_thread_that_is_all_text_is_in_bounds_too(size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    boxes, _, _ = find(file.getvalue())
    assert all(0 <= left <= left + width <= size[0] for left, _, width, _ in boxes)


def test_large_text_needs_no_fine_pass() -> None:
    bar = (200, 300, 900, 80)
    boxes, shapes, _ = find(jpeg(page(1600, 1200, bar)))
    assert all_found(boxes, [bar])
    assert shapes == [COARSE]


def test_large_and_tiny_text_in_one_photo_are_found_and_the_tiny_one_in_a_small_window() -> None:
    bars = [(400, 300, 3000, 400), (3000, 2600, 300, 12)]
    boxes, shapes, reading = find(jpeg(page(4000, 3000, *bars)))
    assert all_found(boxes, bars)
    assert area(*shapes[1:]) < area(COARSE) / 2
    assert list(reading.seconds) == ["decode", "coarse", "detect"]


def test_notes_in_opposite_corners_get_a_window_each() -> None:
    bars = [(100, 100, 400, 14), (3500, 2850, 400, 14)]
    boxes, shapes, _ = find(jpeg(page(4000, 3000, *bars)))
    assert all_found(boxes, bars)
    assert area(*shapes[1:]) < 2 * area(COARSE)


@pytest.mark.parametrize("top", [2, 2980])
def test_a_caption_at_the_edge_is_found(top: int) -> None:
    bar = (1200, top, 1200, 16)
    boxes, _, _ = find(jpeg(page(4000, 3000, bar)))
    assert all_found(boxes, [bar])


def test_fine_print_under_a_headline_is_found() -> None:
    bars = [(400, 100, 900, 160), *[(400, 400 + 120 * row, 3000, 12) for row in range(20)]]
    boxes, shapes, _ = find(jpeg(page(4000, 3000, *bars)))
    assert all_found(boxes, bars)
    assert area(*shapes[1:]) < 4e6  # strips share a little


def test_evidence_without_text_costs_small_windows() -> None:
    pixels = page(4000, 3000)
    pixels[1000:1016, 1000:1016] = 215
    pixels[2000:2016, 3000:3016] = 215
    boxes, shapes, _ = find(jpeg(pixels))
    assert boxes == []
    assert all(shape in [(256, 256, 3), (384, 384, 3)] for shape in shapes[1:])
    assert area(*shapes[1:]) < area(COARSE)


class OnlyCoarse(InkIsEvidence):
    """Sees text of a probability in the coarse pass only."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = np.float32(probability)

    def __call__(self, pixels: NDArray[np.uint8]) -> DetectorOutput:
        probability, evidence = super().__call__(pixels)
        share = self._probability if len(self.shapes) == 1 else np.float32(0)
        return DetectorOutput(probability * share, evidence * share)


@pytest.mark.parametrize(("probability", "stays"), [(0.4, False), (0.9, True)])
def test_what_only_the_coarse_pass_sees_stays_if_that_was_sure(probability: float, stays: bool) -> None:
    pixels = page(4000, 3000, (1200, 1500, 400, 36))
    boxes, shapes, _ = find(jpeg(pixels), network=OnlyCoarse(probability))
    assert (len(boxes), len(shapes) > 1) == (stays, True)


def test_a_line_that_the_window_cuts_off_gets_a_larger_one() -> None:
    pixels = page(2000, 1000, (500, 600, 300, 40), (900, 700, 60, 40), (700, 950, 100, 40))
    photo, window = Photo(pixels, 2000, 1000), Window(600, 488, 1112, 1000, 1.0)
    lines, _ = look(Detector(DarkIsText()), photo, window, fine=True)
    assert sorted(found.cut for found in lines) == [(False,) * 4, (False,) * 4, (True, False, False, False)]
    (larger,) = for_cut(lines, window, photo)
    assert larger.left < 500
    assert larger.right > 800
    assert larger.px_per_full_px == 1.0
    (cut,) = (found for found in lines if any(found.cut))
    whole = line(480, 590, 340, 60)
    assert combined([cut], [whole], larger) == ([whole], [whole])


def test_small_text_is_seen_more_closely_and_only_there() -> None:
    bars = [(400, 300 + 60 * row, 600, 26) for row in range(5)]
    boxes, shapes, _ = find(jpeg(page(2400, 1800, *bars)))
    assert all_found(boxes, bars)
    assert len(shapes) == 2
    assert area(shapes[1]) < area(COARSE)


def test_many_lines_so_far_away_that_they_look_like_one_are_told_apart() -> None:
    receipt = [(1800, 1000 + 16 * row, 500, 10) for row in range(30)]
    boxes, shapes, _ = find(jpeg(page(4000, 3000, *receipt)))
    assert len(boxes) == len(receipt)
    assert area(*shapes[1:]) < 1600 * 1200


def test_all_fine_passes_together_stay_within_the_budget() -> None:
    bars = [(100, top, 5800, 10) for top in range(100, 3900, 40)]
    _, shapes, _ = find(jpeg(page(6000, 4000, *bars)), max_side=1000)
    assert area(*shapes[1:]) < 1.2 * 750_000  # strips share a little


def test_a_model_that_has_no_coarse_pass_sees_the_photo_once_at_full_size() -> None:
    boxes, shapes, reading = find(jpeg(page(600, 500, (200, 300, 300, 14))), coarse=False)
    assert len(boxes) == 1
    assert [max(shape[:2]) for shape in shapes] == [928]
    assert list(reading.seconds) == ["decode", "detect"]


def test_where_another_detector_does_the_coarse_pass_the_own_one_sees_the_whole_photo_if_there_is_text() -> None:
    network, other = DarkIsText(), InkIsEvidence()
    search = Search(Detector(network), Limits(2000, 10**8, 0.5), Detector(other))
    reading = Reading()
    _, found = search(jpeg(page(2400, 1800)), reading)
    assert (found, network.shapes) == ([], [])
    assert list(reading.seconds) == ["decode", "coarse"]
    photo, found = search(jpeg(page(2400, 1800, (400, 300, 600, 26))), reading)
    assert len(found) == 1
    assert max(photo.pixels.shape) >= 2000
    assert area(*network.shapes) > 1900 * 1400  # in strips
    assert [shape[:2] for shape in other.shapes] == [(608, 800), (608, 800)]
    assert list(reading.seconds) == ["decode", "coarse", "detect"]


@pytest.mark.parametrize("height", [40, 12])
def test_a_long_screenshot_is_not_shrunk_to_nothing(height: int) -> None:
    bars = [(100, top, 800, height) for top in range(100, 11900, 400)]
    boxes, shapes, _ = find(jpeg(page(1080, 12000, *bars)))
    assert all_found(boxes, bars)
    assert all(area(shape) <= 2_000_000 for shape in shapes)


def test_huge_text_is_cut_from_what_the_coarse_pass_decoded() -> None:
    decoded = []
    for height in (26, 600):
        detector = Detector(DarkIsText())
        photo, _ = Search(detector, Limits(2000, 10**8, 0.5), detector)(
            jpeg(page(4000, 3000, (400, 600, 3000, height))), Reading()
        )
        decoded.append(max(photo.pixels.shape))
    assert decoded == [4000, 1000]


@given(
    st.integers(60, 3000),
    st.integers(60, 3000),
    st.floats(0.05, 0.9),
    st.floats(0.05, 0.9),
    st.sampled_from([320, 2000]),
)
def test_what_is_found_is_inside_the_photo(width: int, height: int, x: float, y: float, max_side: int) -> None:
    bar = (int(x * width), int(y * height), width // 3, max(4, height // 30))
    boxes, _, _ = find(jpeg(page(width, height, bar)), max_side=max_side)
    for left, top, wide, high in boxes:
        assert 0 <= left <= left + wide <= width + 1
        assert 0 <= top <= top + high <= height + 1


def test_a_doubtful_large_region_is_no_line() -> None:
    pixels = page(4000, 3000)
    pixels[1000:1300, 500:3500] = 150  # 41 % dark
    boxes, shapes, reading = find(jpeg(pixels), network=DarkIsText())
    assert boxes == []
    assert len(shapes) == 1
    assert list(reading.seconds) == ["decode", "coarse"]


def test_windows_are_merged_where_one_costs_hardly_more() -> None:
    beside, far = Window(0, 0, 300, 200, 1.0), Window(3000, 2000, 3300, 2200, 1.0)
    near = Window(280, 0, 600, 200, 1.0)
    assert sorted(merged([beside, near, far], 4e6)) == [Window(0, 0, 600, 200, 1.0), far]
    closer = Window(100, 100, 200, 150, 8.0)
    assert merged([Window(0, 0, 1500, 1500, 1.0), closer], 9e6) == [Window(0, 0, 1500, 1500, 1.0), closer]


def test_a_window_is_as_close_as_three_in_four_of_those_it_stands_for() -> None:
    lines = [Window(0, 40 * row, 600, 40 * row + 100, 1.0 + (row == 7)) for row in range(20)]
    assert merged(lines, 4e6) == [Window(0, 0, 600, 860, 1.0)]


@given(
    st.integers(1, 6000),
    st.integers(1, 6000),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4, st.floats(0.1, 2.5)), max_size=6),
    st.floats(1e4, 4e6),
)
def test_windows_have_few_sides_stay_in_the_photo_and_in_the_budget(
    width: int, height: int, places: list[tuple[float, float, float, float, float]], budget_px: float
) -> None:
    photo = Photo(np.zeros((1, 1, 3), np.uint8), width, height)
    windows = [
        Window(min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height, scale)
        for a, b, c, d, scale in places
    ]
    for window in affordable(windows, photo, budget_px, 0.05):
        assert 0 <= window.left <= window.right <= width
        assert 0 <= window.top <= window.bottom <= height
        for side, whole in ((window.right - window.left, width), (window.bottom - window.top, height)):
            known = any(abs(side * window.px_per_full_px - known) < 1e-6 for known in SIDES_PX)
            assert known or side == whole or side * window.px_per_full_px > SIDES_PX[-1]


def line(left: float, top: float, width: float, height: float, probability: float = 0.9) -> Line:
    right, bottom = left + width, top + height
    polygon: Polygon = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)
    return Line(polygon, probability)


WINDOW = Window(0, 0, 1000, 1000, 1.0)


def test_a_legible_line_is_not_cut_to_pieces_nor_replaced_by_a_doubtful_one() -> None:
    whole = line(100, 100, 400, 40)
    pieces = [line(100, 100, 180, 40), line(320, 100, 180, 40)]
    assert combined([whole], pieces, WINDOW) == ([whole], [])
    assert combined([whole], [line(100, 100, 400, 42, 0.47)], WINDOW) == ([whole], [])


def test_a_legible_line_gives_way_to_a_tighter_one_that_no_edge_cuts_off() -> None:
    loose, tight = line(100, 100, 400, 60), line(110, 108, 380, 44)
    assert combined([loose], [tight], WINDOW) == ([tight], [tight])
    cut = tight._replace(cut=(True, False, False, False))
    assert combined([loose], [cut], WINDOW) == ([loose], [])


def test_a_large_region_does_not_hide_small_lines_inside_it() -> None:
    block, inside = line(100, 100, 410, 134), [line(150, 120, 60, 12), line(150, 140, 60, 12)]
    assert combined([block], inside, WINDOW) == ([block, *inside], inside)


def test_a_longer_line_takes_the_place_of_its_part() -> None:
    part, longer = line(100, 100, 200, 40), line(100, 100, 500, 40)
    assert combined([part], [longer], WINDOW) == ([longer], [longer])


@pytest.mark.parametrize(("small", "several"), [(True, False), (False, True)])
def test_what_was_not_legible_gives_way_to_what_covers_it(small: bool, several: bool) -> None:
    coarse = line(100, 100, 400, 90)._replace(small=small, several=several)
    fine = [line(100, 100, 400, 40), line(100, 150, 400, 40)]
    assert combined([coarse], fine, WINDOW) == (fine, fine)
    plate = [line(250, 150, 60, 20)]
    assert combined([coarse], plate, WINDOW) == ([coarse, *plate], plate)


def test_a_small_line_gives_way_to_the_same_one_in_a_tighter_polygon() -> None:
    coarse, fine = line(72, 184, 456, 112)._replace(small=True), line(96, 200, 407, 63)
    assert combined([coarse], [fine], WINDOW) == ([fine], [fine])


def test_what_was_not_sure_and_is_not_found_again_was_noise() -> None:
    doubtful = line(100, 100, 100, 20, 0.4)
    assert combined([doubtful], [], WINDOW) == ([], [])
    assert combined([doubtful], [], Window(500, 500, 900, 900, 1.0)) == ([doubtful], [])
