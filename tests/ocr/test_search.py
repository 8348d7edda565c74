import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ocr import search
from ocr.decoding import decode
from ocr.detector import Detector
from ocr.search import GLANCE, Search
from ocr.types import DetectorOutput, Limits, Reading, box
from tests.fakes.detector import DarkIsText, WithSigns, page

Bar = tuple[int, int, int, int]


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def find(
    data: bytes, *, glances: bool = True, max_side: int = 2000, kind: type[DarkIsText] = DarkIsText
) -> tuple[list[tuple[float, ...]], list[tuple[int, ...]], Reading]:
    """The boxes found in pixels of the full photo, the shapes that the network saw, and the reading."""
    network, reading = kind(), Reading()
    limits = Limits(max_side=max_side, max_pixels=10**8, min_score=0.5)
    detector = Detector(network)
    photo, polygons = Search(detector, limits, detector if glances else None)(data, reading)
    factors = np.array(photo.scale, dtype=np.float32)
    return [box(polygon * factors) for polygon in polygons], network.shapes, reading


def glance_sees(pixels: NDArray[np.uint8]) -> bool:
    """Whether there is anything in what a first glance at a picture sees."""
    decoded = decode(jpeg(pixels), needed_side=GLANCE, max_pixels=10**8).pixels
    return bool(Detector(DarkIsText())(decoded, GLANCE / max(decoded.shape)))


def area(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1]


def test_a_photo_without_text_gets_a_glance_and_no_more() -> None:
    boxes, shapes, reading = find(jpeg(page(4000, 3000)))
    assert boxes == []
    assert shapes == [(608, 800, 3)]
    assert list(reading.seconds) == ["decode", "coarse"]


@pytest.mark.parametrize("size", [(1, 300_000), (300_000, 1), (200, 20_000)])
def test_a_thread_of_a_photo_is_glanced_at_in_bounds(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST", 1_000_000)
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, "PNG")
    _, shapes, _ = find(file.getvalue())
    assert 500_000 < sum(map(area, shapes)) < 1_500_000  # strips share a little


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 4000)])
def test_a_thread_that_is_all_text_is_looked_at_too(size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    boxes, _, _ = find(file.getvalue())
    assert all(0 <= left <= left + width <= size[0] for left, _, width, _ in boxes)


def test_print_too_fine_for_a_glance_gets_a_closer_one_unless_there_is_surely_none() -> None:
    fine = page(4000, 3000, *[(400, 300 + 120 * row, 3000, 6) for row in range(20)])
    assert not glance_sees(fine)
    boxes, shapes, reading = find(jpeg(fine))
    assert len(boxes) > 15
    assert [shape[0] for shape in shapes[1:3]] == [1120, 1120]  # the closer glance, 1504 x 1120, in strips
    assert list(reading.seconds) == ["decode", "coarse", "detect"]


def test_where_a_glance_sees_only_a_little_of_fine_print_a_closer_one_follows() -> None:
    fine, seen = [(400, 300 + 120 * row, 3000, 6) for row in range(20)], (400, 2700, 900, 14)
    assert glance_sees(page(4000, 3000, seen))
    boxes, _, _ = find(jpeg(page(4000, 3000, seen)))
    more, _, _ = find(jpeg(page(4000, 3000, *fine, seen)))
    assert (len(boxes), len(more) > 15) == (1, True)


def test_fine_print_under_a_headline_is_found_where_there_are_signs_of_it() -> None:
    fine = [(400, 300 + 110 * row, 3000, 6) for row in range(20)]
    assert not glance_sees(page(4000, 3000, *fine))
    data = jpeg(page(4000, 3000, (400, 2700, 900, 100), *fine))
    assert len(find(data)[0]) == 1
    assert len(find(data, kind=WithSigns)[0]) > 15


def test_a_few_signs_may_be_chance() -> None:
    pixels = page(4000, 3000, (400, 2700, 900, 100), (400, 300, 120, 6))
    assert find(jpeg(pixels), kind=WithSigns)[1] == find(jpeg(pixels))[1]


def test_signs_beside_small_print_get_no_glance_of_their_own() -> None:
    pixels = page(4000, 3000, *[(400, 300 + 120 * row, 900, 22) for row in range(10)], (400, 2700, 2000, 6))
    assert find(jpeg(pixels), kind=WithSigns)[1] == find(jpeg(pixels))[1]


def test_a_closer_glance_has_to_be_worth_it() -> None:
    pale = page(900, 600)
    pale[100:120, 100:400] = 240
    assert len(find(jpeg(pale))[1]) == 1


def test_a_lossless_picture_may_be_a_screenshot_and_is_looked_at_in_full() -> None:
    fine = page(1920, 1080, *[(100, 100 + 40 * row, 1200, 4) for row in range(20)])
    assert not glance_sees(fine)
    file = io.BytesIO()
    Image.fromarray(fine).save(file, "PNG")
    boxes, shapes, _ = find(file.getvalue())
    assert len(boxes) == 20
    assert all(shape in shapes for shape in find(file.getvalue(), glances=False)[1])


def test_large_text_needs_no_second_look() -> None:
    boxes, shapes, _ = find(jpeg(page(1600, 1200, (200, 300, 900, 80))))
    assert len(boxes) == len(shapes) == 1


def test_huge_text_is_cut_from_what_the_glance_decoded() -> None:
    decoded = []
    for height in (80, 600):
        limits = Limits(max_side=2000, max_pixels=10**8, min_score=0.5)
        data = jpeg(page(4000, 3000, (400, 600, 3000, height)))
        detector = Detector(DarkIsText())
        photo, _ = Search(detector, limits, detector)(data, Reading())
        decoded.append(max(photo.pixels.shape))
    assert decoded[0] > decoded[1]
    assert 800 <= decoded[1] < 1200


def test_small_text_is_looked_at_more_closely_and_only_there() -> None:
    bars = [(400, 300 + 60 * row, 600, 26) for row in range(5)]
    boxes, shapes, reading = find(jpeg(page(2400, 1800, *bars)))
    assert len(boxes) == 5
    assert len(shapes) == 2
    assert area(shapes[1]) < area(shapes[0])
    assert list(reading.seconds) == ["decode", "coarse", "detect"]
    for (left, top, width, height), bar in zip(sorted(boxes, key=lambda found: found[1]), bars, strict=True):
        assert abs(left + width / 2 - (bar[0] + bar[2] / 2)) < 6
        assert abs(top + height / 2 - (bar[1] + bar[3] / 2)) < 6


@pytest.mark.parametrize(("height", "looks"), [(20, 2), (25, 1)])
def test_what_is_nearly_large_enough_is_not_looked_at_again(height: int, looks: int) -> None:
    boxes, shapes, _ = find(jpeg(page(1600, 1200, (200, 300, 900, height))))
    assert len(boxes) == 1
    assert len(shapes) == looks


@pytest.mark.parametrize(("gap", "found"), [(120, 2), (260, 1)])
def test_a_look_reaches_a_little_beyond_what_the_glance_saw(gap: int, found: int) -> None:
    small, thin = (400, 300, 600, 26), (400, 326 + gap, 600, 5)
    boxes, _, _ = find(jpeg(page(2400, 1800, small, thin)))
    assert len(boxes) == found
    assert not glance_sees(page(2400, 1800, thin))


def test_around_tiny_text_the_look_reaches_farther_because_the_glance_misses_its_neighbours() -> None:
    tiny, thin = [(400, 300 + 40 * row, 600, 14) for row in range(8)], (400, 720, 600, 4)
    boxes, shapes, _ = find(jpeg(page(2400, 1800, *tiny, thin)))
    assert len(boxes) == 9
    assert not glance_sees(page(2400, 1800, thin))
    assert sum(area(shape) for shape in shapes[1:]) < 2016 * 1504 / 4


def test_a_look_at_tiny_text_in_much_of_a_photo_is_as_close_as_one_at_the_whole_photo() -> None:
    _, shapes, _ = find(jpeg(page(2400, 1800, *[(300, 300 + 50 * row, 1200, 14) for row in range(14)])))
    seen = (1200 + 2 * 200) * (13 * 50 + 14 + 2 * 200)  # pixels of the photo
    assert 0.7 < sum(map(area, shapes[1:])) / seen / (2000 / 2400) ** 2 < 1.3


def test_tiny_text_in_a_small_part_of_a_photo_is_looked_at_as_closely_as_it_needs() -> None:
    _, shapes, _ = find(jpeg(page(4800, 3600, *[(800, 600 + 80 * row, 1200, 28) for row in range(6)])))
    seen = (1200 + 2 * 400) * (5 * 80 + 28 + 2 * 400)
    assert 0.7 < sum(map(area, shapes[1:])) / seen < 1.3


def test_many_lines_so_far_away_that_they_look_like_a_block_are_told_apart() -> None:
    receipt = [(1800, 1000 + 16 * row, 500, 10) for row in range(30)]
    boxes, shapes, reading = find(jpeg(page(4000, 3000, *receipt)))
    assert len(boxes) == len(receipt)
    assert sum(map(area, shapes[1:])) < 1600 * 1200
    assert list(reading.seconds) == ["decode", "coarse", "detect"]


class OnlyFromAfar(DarkIsText):
    """Sees nothing any more when it looks again."""

    def __call__(self, pixels: NDArray[np.uint8]) -> DetectorOutput:
        (darkness, _) = super().__call__(pixels)
        return DetectorOutput(darkness if len(self.shapes) == 1 else np.zeros_like(darkness))


def test_what_a_closer_look_does_not_find_again_is_no_text() -> None:
    detector = Detector(OnlyFromAfar())
    finder = Search(detector, Limits(2000, 10**8, 0.5), detector)
    _, found = finder(jpeg(page(4000, 3000, (1200, 900, 500, 300), (1200, 1500, 400, 40))), Reading())
    assert found == []


def test_a_large_word_stays_what_the_glance_saw() -> None:
    ((left, top, width, height),), shapes, _ = find(jpeg(page(4000, 3000, (1200, 900, 900, 400))))
    assert left < 1200
    assert top < 900
    assert left + width > 2100
    assert top + height > 1300
    assert len(shapes) == 2


def test_a_look_that_finds_far_smaller_lines_is_followed_by_a_closer_one() -> None:
    large = [(400, 300 + 400 * row, 2400, 52) for row in range(4)]
    tiny = [(700, 520 + 400 * row, 1500, 12) for row in range(3)]
    without, once, _ = find(jpeg(page(6000, 4000, *large)), max_side=4000)
    boxes, shapes, reading = find(jpeg(page(6000, 4000, *large, *tiny)), max_side=4000)
    assert not glance_sees(page(6000, 4000, *tiny))
    assert (len(without), len(boxes)) == (4, 7)
    assert sum(map(area, shapes)) > 2 * sum(map(area, once))
    assert list(reading.seconds) == ["decode", "coarse", "detect"]


def test_a_strip_may_be_longer_than_the_longest_side_at_no_more_pixels() -> None:
    _, (_, look), _ = find(jpeg(page(3000, 2250, (100, 1000, 2800, 25))), max_side=1000)
    assert max(look) > 1200
    assert area(look) < 1000 * 500


def test_a_model_that_cannot_glance_looks_once_at_full_size() -> None:
    boxes, shapes, reading = find(jpeg(page(600, 500, (200, 300, 300, 14))), glances=False)
    assert len(boxes) == 1
    assert [max(shape[:2]) for shape in shapes] == [928]
    assert list(reading.seconds) == ["decode", "detect"]


def test_where_another_detector_glances_the_own_one_looks_at_the_whole_photo_if_there_is_text() -> None:
    network, other = DarkIsText(), DarkIsText()
    finder = Search(Detector(network), Limits(2000, 10**8, 0.5), Detector(other))
    reading = Reading()
    finder.warm_up()
    assert network.shapes == []
    _, found = finder(jpeg(page(2400, 1800)), reading)
    assert (found, network.shapes) == ([], [])
    assert list(reading.seconds) == ["decode", "coarse"]
    photo, found = finder(jpeg(page(2400, 1800, (400, 300, 600, 26))), reading)
    assert len(found) == 1
    assert max(photo.pixels.shape) >= 2000
    assert sum(map(area, network.shapes)) > 1900 * 1400  # in strips
    assert [shape[:2] for shape in other.shapes] == [(608, 800), (800, 608), (608, 800), (608, 800)]
    assert list(reading.seconds) == ["decode", "coarse", "detect"]


def test_a_long_screenshot_is_not_shrunk_to_nothing() -> None:
    bars = [(100, top, 800, 40) for top in range(100, 11900, 400)]
    boxes, shapes, _ = find(jpeg(page(1080, 12000, *bars)))
    assert len(boxes) == len(bars)
    assert all(area(shape) <= 2_000_000 for shape in shapes)


def test_small_print_in_a_long_screenshot_is_seen_and_none_costs_little() -> None:
    bars = [(100, top, 800, 12) for top in range(100, 11900, 400)]
    assert len(find(jpeg(page(1080, 12000, *bars)))[0]) == len(bars)
    boxes, shapes, _ = find(jpeg(page(1080, 12000)))
    assert boxes == []
    assert sum(map(area, shapes)) < 2_000_000


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


def test_only_a_photo_with_many_lines_is_enlarged_beyond_its_short_side() -> None:
    few, many = ([(60, 20 + 30 * row, 300, 7) for row in range(count)] for count in (7, 8))
    _, (_, look), _ = find(jpeg(page(1000, 750, *few)))
    _, (_, closer), _ = find(jpeg(page(1000, 750, *many)))
    assert closer[1] > 2 * look[1]  # of the same width in the photo


def test_a_doubtful_large_region_is_no_line_and_not_worth_another_decoding() -> None:
    pixels = page(4000, 3000)
    pixels[1000:1300, 500:3500] = 150  # 41 % dark
    boxes, shapes, reading = find(jpeg(pixels))
    assert boxes == []
    assert len(shapes) == 1
    assert list(reading.seconds) == ["decode", "coarse"]


def test_it_warms_up_with_the_shapes_of_usual_photos() -> None:
    network = DarkIsText()
    detector = Detector(network)
    Search(detector, Limits(2000, 10**8, 0.5), detector).warm_up()
    usual = [find(jpeg(page(*size)))[1] for size in ((4000, 3000), (3000, 4000))]
    assert [[shape] for shape in network.shapes] == usual
