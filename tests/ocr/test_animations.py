"""Animations: the first frame in which something can be seen."""

import resource
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageDraw

from ocr import animations
from ocr.decoding import Photo, decode
from tests.fakes.pictures import KINDS, encoded

KINDS_OF_ANIMATIONS = ["GIF", "WEBP", "PNG", "AVIF"]
SIZE = (240, 160)


def frame(level: int, ground: str = "black", place: int = 0) -> Image.Image:
    """A block of a level of grey on a ground, in the top left corner or further to the right."""
    image = Image.new("RGB", SIZE, ground)
    ImageDraw.Draw(image).rectangle((20 + place, 10, 100 + place, 70), fill=(level,) * 3)
    return image


def blank(ground: str = "black") -> Image.Image:
    return Image.new("RGB", SIZE, ground)


def read(frames: list[Image.Image], kind: str, **options: object) -> Photo:
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=40, **options)
    return decode(data, needed_side=2000, max_pixels=10**7)


def block(photo: Photo, place: int = 0) -> float:
    """The level within the block."""
    return float(photo.pixels[20:60, 30 + place : 90 + place].mean())


@pytest.mark.parametrize("kind", KINDS_OF_ANIMATIONS)
@pytest.mark.parametrize("ground", ["black", "white", "red"])
@pytest.mark.parametrize("count", [1, 5, 30])
def test_blank_frames_at_the_beginning_are_passed_over(kind: str, ground: str, count: int) -> None:
    level = 10 if ground == "white" else 250
    blanks = [blank(ground) for _ in range(count)]
    for number, each in enumerate(blanks):  # or Pillow makes one frame of those that are alike
        each.putpixel((number, 0), tuple(abs(int(channel) - 1) for channel in np.asarray(each)[0, 0]))
    photo = read([*blanks, frame(level, ground), frame(level, ground, 100)], kind)
    assert abs(block(photo) - level) < 12
    assert abs(block(photo, 100) - float(photo.pixels[150].mean())) < 12
    assert (photo.width, photo.height) == SIZE


@pytest.mark.parametrize("kind", KINDS_OF_ANIMATIONS)
@pytest.mark.parametrize("ground", ["black", "white"])
def test_a_picture_that_fades_in_is_read_when_it_is_clear(kind: str, ground: str) -> None:
    steps = [int(255 * step / 12) for step in range(13)]
    levels = steps if ground == "black" else [255 - step for step in steps]
    photo = read([frame(level, ground) for level in levels], kind)
    assert abs(block(photo) - float(photo.pixels[150].mean())) > 80


@pytest.mark.parametrize("kind", KINDS_OF_ANIMATIONS)
def test_one_that_stays_faint_is_read_where_it_is_strongest(kind: str) -> None:
    photo = read([frame(level) for level in (0, 20, 40, 60, 50)], kind)
    assert 50 < block(photo) < 70


@pytest.mark.parametrize("kind", KINDS_OF_ANIMATIONS)
@pytest.mark.parametrize("level", [60, 250])
def test_a_first_frame_that_is_not_blank_is_read(kind: str, level: int) -> None:
    photo = read([frame(level), frame(250, place=100)], kind)
    assert abs(block(photo) - level) < 12
    assert block(photo, 100) < 12


@pytest.mark.parametrize("kind", KINDS_OF_ANIMATIONS)
def test_if_all_are_blank_the_first_is_read(kind: str) -> None:
    photo = read([blank("#101010"), blank("#000010"), blank()], kind)
    assert photo.pixels.max() - photo.pixels.min() < 6


def test_transparent_frames_at_the_beginning_are_blank() -> None:
    nothing, something = Image.new("RGBA", SIZE), frame(250).convert("RGBA")
    for kind in ("GIF", "WEBP", "PNG"):
        assert block(read([nothing, something], kind)) > 240


def test_only_so_many_frames_and_pixels_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [blank(), *(frame(step) for step in range(1, 4)), frame(250)]
    assert block(read(frames, "PNG")) > 240
    monkeypatch.setattr(animations, "MAX_FRAMES", 4)
    assert block(read(frames, "PNG")) < 5
    monkeypatch.setattr(animations, "MAX_FRAMES", 100)
    monkeypatch.setattr(animations, "MAX_PIXELS", 4 * SIZE[0] * SIZE[1])
    assert block(read(frames, "PNG")) < 5


def test_pages_are_no_frames() -> None:
    assert block(read([blank("white"), frame(10, "white")], "TIFF")) == 255


@pytest.mark.parametrize("kind", ["GIF", "PNG"])  # of a WebP file nothing is decoded unless all is there
def test_of_a_file_that_is_cut_off_the_frames_that_are_there_count(kind: str) -> None:
    noise = Image.effect_noise(SIZE, 80).convert("RGB")
    whole = encoded(blank(), kind, save_all=True, append_images=[frame(250), noise, noise.rotate(90)])
    photo = decode(whole[: len(whole) - 100], needed_side=2000, max_pixels=10**7)
    assert block(photo) > 240


def test_a_still_picture_of_one_colour_stays_what_it_is() -> None:
    for make in KINDS.values():
        photo = decode(make(blank("white")), needed_side=2000, max_pixels=10**7)
        assert np.ptp(photo.pixels) < 12


def test_too_little_memory_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def seek(_: object, number: int) -> None:
        if number:
            raise MemoryError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.seek", seek)
    with pytest.raises(MemoryError):
        read([blank(), frame(250)], "PNG")


@pytest.mark.parametrize("side", [300, 20_000, 65_535])
@pytest.mark.parametrize("disposal", [0, 2, 3])
def test_a_frame_of_a_gif_beyond_its_picture_takes_no_memory(side: int, disposal: int) -> None:
    still = encoded(blank(), "GIF")
    pixels = still[still.index(b",\0\0\0\0") + 10 : -1]
    frames = [
        b"!\xf9\x04" + bytes([disposal << 2, 10, 0, 0, 0]) + struct.pack("<cHHHHB", b",", 0, 0, side, side, 0) + pixels
        for _ in range(2)
    ]
    bomb = still[:-1] + b"".join(frames) + still[-1:]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    photo = decode(bomb, needed_side=2000, max_pixels=10**7)
    assert (photo.width, photo.height) == SIZE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB


def test_a_picture_of_another_size_in_a_heif_file_is_no_frame() -> None:
    other = frame(250).resize((SIZE[1], SIZE[0]))
    data = encoded(blank(), "HEIF", append_images=[*pillow_heif.from_pillow(other)])
    photo = decode(data, needed_side=2000, max_pixels=10**7)
    assert (photo.width, photo.height) == SIZE
    assert photo.pixels.max() < animations.BLANK_CONTRAST
