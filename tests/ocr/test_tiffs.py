"""TIFFs with numbers that Pillow has no pixels for."""

import contextlib
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ocr.decoding import Photo, decode
from ocr.errors import UnreadablePhoto
from tests.fakes.pictures import lack_memory, lying, tiff
from worker.pixel_budget import weigh_pixels

WIDTH, HEIGHT = 24, 16


def flag(dtype: str = "f4", low: float = 0.1, high: float = 0.9, samples: int = 3) -> NDArray[np.generic]:
    """Red in its top left quarter, blue elsewhere; opaque if there are four samples."""
    levels = np.full((HEIGHT, WIDTH, samples), low, np.float64)
    levels[..., 2 % samples] = high
    levels[: HEIGHT // 2, : WIDTH // 2, : min(3, samples)] = [high, low, low][:samples]
    levels[..., 3:] = high
    return levels.astype(dtype)


def read(data: bytes, needed: int = 2000, limit: int = 10**6) -> Photo:
    return decode(data, needed_side=needed, max_pixels=limit)


def corners(photo: Photo) -> tuple[list[int], list[int]]:
    first, last = (255 * (photo.pixels[place] > 253) for place in ((1, 1), (-2, -2)))
    assert not photo.pixels[1, 1][first == 0].any()
    return first.tolist(), last.tolist()


@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("f4", 0.1, 0.9),
        ("f4", 0, 255),
        ("f4", -3e38, 3e38),
        ("f8", 0, 1),
        ("f8", 1e-9, 2e-9),
        ("i4", -5, 5),
        ("u4", 0, 2**32 - 1),
    ],
)
def test_colours_of_any_range_are_stretched(dtype: str, low: float, high: float, samples: int) -> None:
    photo = read(tiff(flag(dtype, low, high, samples)))
    assert corners(photo) == ([0, 0, 255], [255, 0, 0])
    assert (photo.width, photo.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("dtype", ["f8", "f4", "u4"])
def test_so_are_greys(dtype: str) -> None:
    levels = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1).astype(dtype)
    photo = read(tiff(levels))
    assert int(photo.pixels[1, 1, 0]) < int(photo.pixels[-2, -2, 0])
    assert (photo.pixels.min(), photo.pixels.max()) == (0, 255)


@pytest.mark.parametrize("compression", [1, 5, 8, 32946])  # none, LZW, Deflate and its older number
@pytest.mark.parametrize("predictor", [1, 2, 3])
def test_however_they_are_packed(compression: int, predictor: int) -> None:
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    data = cv2.imencode(".tiff", np.asarray(flag(), np.float32)[..., ::-1], options)[1].tobytes()
    assert corners(read(data)) == ([0, 0, 255], [255, 0, 0])


def test_lamps_do_not_make_the_rest_dark() -> None:
    levels = np.full((100, 100, 3), 0.5, np.float32)
    levels[:50] = 0
    levels[0, :10] = 1000
    assert read(tiff(levels)).pixels[-1, -1].tolist() == [127] * 3
    levels[:2, :60] = 1000  # no longer lamps
    assert read(tiff(levels)).pixels[-1, -1].tolist() == [0] * 3


def test_what_is_no_number_costs_no_contrast() -> None:
    levels = flag()
    levels[0, :3, 0] = [np.nan, np.inf, -np.inf]
    assert corners(read(tiff(levels))) == ([0, 0, 255], [255, 0, 0])
    assert not read(tiff(np.full((4, 4, 3), np.nan, np.float32))).pixels.any()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(orientation: int) -> None:
    planes = [np.asarray(lying(Image.fromarray(plane), orientation)) for plane in np.moveaxis(flag(), 2, 0)]
    photo = read(tiff(np.ascontiguousarray(np.dstack(planes)), orientation=orientation))
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert (photo.width, photo.height) == (WIDTH, HEIGHT)
    assert corners(photo) == ([0, 0, 255], [255, 0, 0])


def test_a_large_one_is_reduced() -> None:
    photo = read(tiff(flag().repeat(50, 0).repeat(50, 1)), needed=300, limit=10**8)
    assert photo.pixels.shape == (200, 300, 3)
    assert (photo.width, photo.height) == (50 * WIDTH, 50 * HEIGHT)
    assert corners(photo) == ([0, 0, 255], [255, 0, 0])


@pytest.mark.parametrize(("dtype", "samples", "weight"), [("f4", 3, 6), ("f4", 4, 8), ("f8", 3, 12), ("f8", 1, 4)])
def test_it_counts_as_the_memory_that_it_needs(dtype: str, samples: int, weight: int) -> None:
    data = tiff(flag(dtype, samples=samples))
    pixels = weight * WIDTH * HEIGHT
    assert weigh_pixels(data) == pixels
    assert read(data, limit=pixels).width == WIDTH
    with pytest.raises(UnreadablePhoto, match=r"24 x 16 pixels; up to .* from a TIFF file"):
        read(data, limit=pixels - 1)


def test_planes_one_behind_the_other_are_refused_and_not_made_up() -> None:
    with pytest.raises(UnreadablePhoto, match="no picture can be read"):
        read(tiff(flag(), planes=True))


def test_so_is_a_file_that_tells_two_sizes() -> None:
    data = bytearray(tiff(flag()))
    height = struct.pack("<HH", 257, 4)
    data[data.index(height) : data.index(height) + 2] = struct.pack("<H", 256)
    with pytest.raises(UnreadablePhoto):
        read(bytes(data))
    assert weigh_pixels(bytes(data)) == 0


def test_a_broken_one_is_refused() -> None:
    whole = tiff(flag())
    for length in range(8, len(whole), 7):
        with pytest.raises(UnreadablePhoto):
            read(whole[:length])


@given(st.data())
def test_a_damaged_one_is_read_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(tiff(flag(data.draw(st.sampled_from(["f4", "f8", "f2"])))))
    for position in data.draw(st.lists(st.integers(0, 300), max_size=4)):
        damaged[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadablePhoto):
        assert read(bytes(damaged)).pixels.dtype == np.uint8


def test_too_little_memory_is_not_the_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.imdecode", lack_memory)
    with pytest.raises(MemoryError):
        read(tiff(flag()))
