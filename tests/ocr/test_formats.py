"""Every kind of file that a photo library has, and some that it should not have."""

import contextlib
import struct
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageDraw, PngImagePlugin

from ocr import formats
from ocr.decoding import Photo, decode
from ocr.errors import UnreadablePhoto
from tests.fakes.pictures import KINDS, OTHERS, UPRIGHT, encoded, lying, oriented, raw
from worker.pixel_budget import weigh_pixels


def picture() -> Image.Image:
    """240 x 160, light, with a dark block in its top left quarter."""
    image = Image.new("RGB", (240, 160), (250, 250, 250))
    ImageDraw.Draw(image).rectangle((20, 10, 100, 70), (10, 10, 10))
    return image


def decoded(data: bytes, needed: int = 2000) -> Photo:
    return decode(data, needed_side=needed, max_pixels=10**6)


def contrast(photo: Photo) -> float:
    """How much the block differs from its surroundings; 0 if nothing can be seen."""
    height, width = photo.pixels.shape[:2]
    block = photo.pixels[round(height * 0.12) : round(height * 0.38), round(width * 0.12) : round(width * 0.38)]
    around = photo.pixels[round(height * 0.6) :, round(width * 0.6) :]
    return abs(float(block.mean()) - float(around.mean()))


@pytest.mark.parametrize("needed", [2000, 60])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_decoded_with_its_content(kind: str, needed: int) -> None:
    photo = decoded(KINDS[kind](picture()), needed)
    assert contrast(photo) > 180
    full = {"raw": (480, 320)}.get(kind, (240, 160))
    assert (photo.width, photo.height) == full
    assert max(photo.pixels.shape) >= min(needed, 240)
    assert photo.pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("claimed", "size"), [((480, 320), (480, 320)), ((30000, 320), (240, 160)), ((9, 0), (240, 160))]
)
def test_a_raw_files_own_size_counts_if_the_preview_has_its_shape(
    claimed: tuple[int, int], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    jpeg = encoded(picture(), "JPEG")
    monkeypatch.setattr(
        formats, "extract_preview", lambda data: formats.Preview(jpeg, *claimed) if data == b"raw" else None
    )
    photo = decoded(b"raw")
    assert (photo.width, photo.height) == size


@pytest.mark.parametrize("make", [lambda image: encoded(image, "PNG"), lambda image: encoded(image, "JPEG")])
def test_a_reduced_picture_is_the_same_picture(make: Callable[[Image.Image], bytes]) -> None:
    image = Image.radial_gradient("L").resize((1994, 1282)).convert("RGB")
    small = decode(make(image), needed_side=400, max_pixels=10**7)
    assert max(small.pixels.shape) < 600
    wanted = np.asarray(image.resize(small.pixels.shape[1::-1], Image.Resampling.BOX)).astype(int)
    assert np.abs(small.pixels[..., 0] - wanted[..., 2]).mean() < 6


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    photo = decoded(encoded(lying(picture(), orientation), kind, exif=oriented(orientation)))
    assert (photo.width, photo.height) == (240, 160)
    assert photo.pixels.shape == (160, 240, 3)
    assert contrast(photo) > 180


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])  # those that cameras write
def test_a_raw_file_is_upright_too(orientation: int) -> None:
    photo = decoded(raw(lying(picture(), orientation), orientation))
    assert (photo.width, photo.height) == (480, 320)
    assert photo.pixels.shape == (160, 240, 3)
    assert contrast(photo) > 180


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pdf", "Portable Document"),
        ("svg", "SVG"),
        ("jxl", "JPEG XL"),
        ("mp4", "MPEG-4 video"),
        ("mov", "QuickTime movie"),
        ("psd", "Photoshop"),
        ("ico", "it looks like .*[Ii]con"),
        ("zip", "it looks like"),
        ("html", "HTML"),
    ],
)
def test_a_file_that_is_no_photo_is_refused_with_its_type_and_what_would_work(name: str, said: str) -> None:
    with pytest.raises(UnreadablePhoto, match=f"{said}.*; whole JPEG, PNG, WebP, HEIC"):
        decoded(OTHERS[name])


CUT_KINDS = ["jpeg", "jpeg progressive", "jpeg grey", "jpeg cmyk", "png", "png palette", "gif", "bmp"]


@pytest.mark.parametrize("kind", CUT_KINDS)
def test_the_part_that_is_there_of_a_truncated_photo_is_read(kind: str) -> None:
    image = Image.effect_noise((240, 160), 60).convert("RGB")  # so that the file is long
    image.paste(picture().crop((0, 0, 240, 80)))
    whole = KINDS[kind](image)
    photo = decoded(whole[: round(len(whole) * 0.9)])
    assert (photo.width, photo.height) == (240, 160)
    assert abs(float(photo.pixels[20:60, 30:90].mean()) - float(photo.pixels[20:60, 150:230].mean())) > 180


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_truncated_anywhere_is_read_or_refused(kind: str) -> None:
    whole = KINDS[kind](picture())
    for length in {*range(min(len(whole), 400)), *range(0, len(whole), max(1, len(whole) // 150))}:
        with contextlib.suppress(UnreadablePhoto):
            assert decoded(whole[:length], 60).pixels.size


def test_a_photo_without_any_pixels_is_refused_as_broken() -> None:
    whole = KINDS["jpeg"](picture())
    start_of_scan = whole.index(b"\xff\xda")
    with pytest.raises(UnreadablePhoto, match="broken"):
        decoded(whole[: start_of_scan + 10])


@pytest.mark.parametrize(("kind", "length"), [("png", 60), ("gif", 100), ("heic", 1000)])
def test_a_photo_of_which_only_the_head_is_there_is_refused_each_time(kind: str, length: int) -> None:
    for _ in range(2):
        with pytest.raises(UnreadablePhoto, match="broken"):
            decoded(KINDS[kind](picture())[:length])


@pytest.mark.parametrize(
    ("kind", "pixels"),
    [
        ("png", 38_400),
        ("jpeg progressive", 38_400),
        ("jpeg cmyk", 38_400),
        ("jpeg cmyk progressive", 76_800),
        ("heic", 76_800),
        ("avif", 76_800),
        ("webp", 153_600),
        ("jpeg 2000", 153_600),
    ],
)
def test_formats_that_need_more_memory_may_have_fewer_pixels(kind: str, pixels: int) -> None:
    data = KINDS[kind](picture())
    assert decode(data, needed_side=100, max_pixels=pixels).width == 240
    with pytest.raises(UnreadablePhoto, match=r"240 x 160 pixels; up to 0\.038\d* megapixels"):
        decode(data, needed_side=100, max_pixels=pixels - 1)


def test_gigantic_metadata_does_not_hide_a_picture() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("workflow", "x" * 20_000_000, zip=True)  # more than Pillow unpacks
    assert contrast(decoded(encoded(picture(), "PNG", pnginfo=notes))) > 180
    exif = oriented(6)
    exif[ExifTags.Base.ImageDescription] = "y" * 60_000
    photo = decoded(encoded(picture().rotate(90, expand=True), "JPEG", exif=exif))
    assert (photo.width, photo.height) == (240, 160)


def test_a_tiff_with_odd_tags_causes_no_warning() -> None:
    file = b"II*\0" + struct.pack("<IHHHII", 8, 1, 262, 3, 5, 999) + bytes(4)  # what would be at 999 is not there
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(UnreadablePhoto):
            decoded(file)
        assert weigh_pixels(file) == 0
    assert not warned
