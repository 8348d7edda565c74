import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ocr.detector import Detector, regions
from ocr.types import TextLine


class DarkIsText:
    """A detector's network: the probability of text is the darkness of a pixel. Remembers its input's shape."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.shape = batch.shape
        darkness: NDArray[np.float32] = (1 - batch.mean(axis=1, keepdims=True)) / 2
        return darkness


def page(width: int, height: int, *bars: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    pixels = np.full((height, width, 3), 255, dtype=np.uint8)
    for x, y, w, h in bars:
        pixels[y : y + h, x : x + w] = 0
    return pixels


def test_each_dark_bar_is_a_line_that_reaches_a_little_beyond_it() -> None:
    bars = [(100, 100, 300, 24), (500, 400, 200, 40)]
    found = sorted(
        TextLine(polygon, "", 0).box for polygon in Detector(DarkIsText(), max_side=2000)(page(900, 800, *bars))
    )
    assert len(found) == 2
    for (x, y, width, height), (left, top, wide, high) in zip(bars, found, strict=True):
        assert x - 30 < left < x
        assert y - 40 < top < y
        assert left + wide > x + width
        assert top + high > y + height


def test_an_empty_page_has_no_lines() -> None:
    assert Detector(DarkIsText(), max_side=2000)(page(400, 300)) == []


def test_specks_are_no_lines() -> None:
    assert regions(np.pad(np.ones((2, 2), dtype=np.float32), 50)) == []


def test_a_pale_region_is_no_line() -> None:
    assert regions(np.pad(np.full((20, 90), 0.4, dtype=np.float32), 50)) == []


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([320, 736, 2000]))
def test_the_network_sees_multiples_of_32_and_never_more_than_the_bound(width: int, height: int, bound: int) -> None:
    network = DarkIsText()
    Detector(network, max_side=bound)(page(width, height))
    batch, channels, input_height, input_width = network.shape
    assert (batch, channels) == (1, 3)
    assert input_height % 32 == input_width % 32 == 0
    assert max(input_height, input_width) <= bound + 16


def test_a_small_photo_is_enlarged() -> None:
    network = DarkIsText()
    Detector(network, max_side=2000)(page(400, 300))
    assert network.shape == (1, 3, 736, 992)


@given(st.integers(40, 3000), st.integers(40, 3000))
def test_polygons_are_in_pixels_of_the_picture_and_inside_it(width: int, height: int) -> None:
    pixels = page(width, height, (0, 0, width, height))
    for polygon in Detector(DarkIsText(), max_side=736)(pixels):
        assert (polygon >= 0).all()
        assert (polygon <= [width, height]).all()


def test_specks_do_not_displace_lines() -> None:
    probability = np.zeros((2000, 2000), dtype=np.float32)
    probability[10:40, 10:600] = 1
    probability[100::30, ::40] = 1  # 3200 of them
    assert len(regions(probability)) == 1
