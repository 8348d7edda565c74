import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from ocr.decoding import decode
from ocr.errors import UnreadablePhoto
from tests.fakes.pictures import encoded, lack_memory, lying, oriented

RED, BLUE = (0, 0, 254), (254, 0, 0)  # BGR; JPEG keeps them to a few units


def flag() -> Image.Image:
    """48 x 32, red in its top left quarter, blue elsewhere."""
    image = Image.new("RGB", (48, 32), "blue")
    image.paste("red", (0, 0, 24, 16))
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    photo = decode(
        encoded(lying(flag(), orientation), kind, exif=oriented(orientation)), needed_side=2000, max_pixels=10**6
    )
    assert (photo.width, photo.height) == (48, 32)
    assert photo.pixels.shape == (32, 48, 3)
    assert np.abs(photo.pixels[5, 5].astype(int) - RED).max() < 10
    assert np.abs(photo.pixels[28, 40].astype(int) - BLUE).max() < 10


@pytest.mark.parametrize(
    ("size", "needed", "decoded"),
    [((1600, 1200), 800, (800, 600)), ((1600, 1200), 900, (1600, 1200)), ((1600, 1200), 200, (200, 150))],
)
def test_a_jpeg_is_decoded_no_larger_than_needed(size: tuple[int, int], needed: int, decoded: tuple[int, int]) -> None:
    photo = decode(encoded(Image.new("RGB", size), "JPEG"), needed_side=needed, max_pixels=10**7)
    assert photo.pixels.shape[1::-1] == decoded
    assert (photo.width, photo.height) == size
    assert photo.px_per_full_px == (decoded[0] / size[0], decoded[1] / size[1])


def test_a_picture_over_the_bound_is_refused_before_it_is_decoded() -> None:
    data = encoded(Image.new("1", (30_000, 30_000)), "PNG")
    with pytest.raises(UnreadablePhoto, match=r"30000 x 30000 pixels; up to 200 megapixels"):
        decode(data, needed_side=2000, max_pixels=200_000_000)


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff", b"%PDF-1.7 not a picture", b"GIF89a"])
def test_what_is_no_picture_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadablePhoto):
        decode(data, needed_side=2000, max_pixels=10**7)


@given(st.data())
def test_a_damaged_picture_is_read_or_unreadable_but_never_an_unexpected_error(data: st.DataObject) -> None:
    whole = encoded(flag(), data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])))
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for position in data.draw(st.lists(st.integers(0, max(0, len(damaged) - 1)), max_size=5)):
        if damaged:
            damaged[position] = data.draw(st.integers(0, 255))
    try:
        photo = decode(bytes(damaged), needed_side=2000, max_pixels=10**6)
    except UnreadablePhoto:
        return
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.ndim == 3


@pytest.mark.parametrize(("ink", "ground"), [("black", 255), ("white", 0)])
def test_transparent_pictures_get_a_ground_that_contrasts(ink: str, ground: int) -> None:
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    image.paste(ink, (5, 2, 15, 8))
    pixels = decode(encoded(image, "PNG"), needed_side=2000, max_pixels=10**6).pixels
    assert pixels[0, 0].tolist() == [ground] * 3
    assert pixels[5, 10].tolist() == [255 - ground] * 3


def test_nothing_visible_is_white() -> None:
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    assert decode(encoded(image, "PNG"), needed_side=2000, max_pixels=10**6).pixels.min() == 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK"])
def test_every_mode_gives_bgr(mode: str) -> None:
    image = Image.new("RGB", (20, 10), "#c0c0c0").convert(mode)
    pixels = decode(encoded(image, "TIFF" if mode == "CMYK" else "PNG"), needed_side=2000, max_pixels=10**6).pixels
    assert pixels.shape == (10, 20, 3)
    assert abs(int(pixels.mean()) - 0xC0) < 64  # one bit a pixel is dithered


@pytest.mark.parametrize("tag", [0x11A, 0x10F, 0x132, 0x100, 0x8769])
def test_odd_metadata_costs_neither_the_photo_nor_its_orientation(tag: int) -> None:
    # an IFD of two entries, big endian: orientation 6, and a tag of a type that it must not have
    entries = (
        b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + tag.to_bytes(2) + b"\x00\x02\x00\x00\x00\x02A\x00\x00\x00"
    )
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02" + entries + bytes(4)
    stored = flag().transpose(Image.Transpose.ROTATE_90)
    photo = decode(encoded(stored, "JPEG", exif=exif), needed_side=2000, max_pixels=10**6)
    assert (photo.width, photo.height) == (48, 32)


def test_a_garbled_exif_chunk_costs_nothing() -> None:
    whole = encoded(flag(), "PNG", exif=b"not exif")
    assert decode(whole, needed_side=2000, max_pixels=10**6).width == 48


def test_no_program_of_the_sender_is_run() -> None:
    with pytest.raises(UnreadablePhoto, match="no picture"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", needed_side=2000, max_pixels=10**6)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("float32", 0.0, 1.0),
        ("float32", -3e38, 3e38),
        ("int32", -70_000, 255),
        ("uint16", 100, 4095),
        (">u2", 0, 65535),
    ],
)
@pytest.mark.parametrize("rows", [10, 300])
def test_grey_levels_of_unknown_range_are_stretched(kind: str, low: float, high: float, rows: int) -> None:
    levels = np.full((rows, 4000), low, dtype=kind)
    levels[rows // 2 :] = high
    photo = decode(encoded(Image.fromarray(levels), "TIFF"), needed_side=2000, max_pixels=10**7)
    assert photo.pixels[0, 0, 0] == 0
    assert photo.pixels[-1, -1, 0] >= 254


def test_what_is_no_number_costs_no_contrast() -> None:
    levels = np.array([[0.25, 0.75, np.nan, np.inf, -np.inf]], dtype=np.float32)
    pixels = decode(encoded(Image.fromarray(levels), "TIFF"), needed_side=2000, max_pixels=10**6).pixels
    assert pixels[0, :, 0].tolist() == [0, 255, 0, 255, 0]
    nothing = Image.fromarray(np.full((4, 4), np.nan, dtype=np.float32))
    assert not decode(encoded(nothing, "TIFF"), needed_side=2000, max_pixels=10**6).pixels.any()


def test_a_large_picture_that_is_no_jpeg_is_reduced_too() -> None:
    photo = decode(encoded(Image.new("RGBA", (6000, 3000)), "PNG"), needed_side=2000, max_pixels=10**8)
    assert photo.pixels.shape == (1000, 2000, 3)
    assert photo.px_per_full_px == (1 / 3, 1 / 3)


def test_too_little_memory_is_not_the_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(MemoryError):
        decode(encoded(flag(), "PNG"), needed_side=2000, max_pixels=10**6)


def test_nor_is_it_in_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.imdecode", lack_memory)
    with pytest.raises(MemoryError):
        decode(encoded(flag(), "JPEG"), needed_side=2000, max_pixels=10**6)


@pytest.mark.parametrize("size", [(401, 299), (640, 479)])
@pytest.mark.parametrize("needed", [50, 100, 200, 2000])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_opencv_and_pillow_decode_alike(
    size: tuple[int, int], needed: int, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(Image.radial_gradient("L").resize(size).convert("RGB"), "JPEG", **options)
    ours = decode(data, needed_side=needed, max_pixels=10**6)
    monkeypatch.setattr("ocr.decoding._jpeg", lambda *_: None)
    pillows = decode(data, needed_side=needed, max_pixels=10**6)
    assert (ours.width, ours.height) == (pillows.width, pillows.height) == size
    assert ours.pixels.shape == pillows.pixels.shape
    assert np.abs(ours.pixels.astype(int) - pillows.pixels).max() < 8


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    photo = decode(encoded(flag(), "JPEG", exif=exif), needed_side=2000, max_pixels=10**6)
    assert (photo.width, photo.height) == photo.pixels.shape[1::-1] == (48, 32)


@pytest.mark.parametrize(
    ("kind", "options", "longer"),
    [("JPEG", {}, 500), ("JPEG", {"progressive": True}, 2000), ("PNG", {}, 2000)],
)
def test_only_what_then_takes_less_time_is_decoded_small(kind: str, options: dict[str, object], longer: int) -> None:
    data = encoded(Image.new("RGB", (4000, 3000)), kind, **options)
    photo = decode(data, needed_side=500, undrafted_side=2000, max_pixels=10**8)
    assert max(photo.pixels.shape) == longer
    assert photo.longer == 4000
