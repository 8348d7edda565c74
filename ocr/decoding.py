"""From the bytes of a file to the pixels of the upright photo."""

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from cv2.typing import MatLike
from PIL import ExifTags, Image, ImageFile, ImageStat, UnidentifiedImageError

from ocr import formats
from ocr.animations import choose_frame
from ocr.errors import UnreadablePhoto
from ocr.tiffs import Numbers, decode_numbers, stretch
from ocr.types import Pixels

DRAFTED = {"JPEG", "MPO"}
"""Those that can be decoded at a fraction of their size for a fraction of the time."""

REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}
"""How OpenCV is asked for a JPEG at 1/8 to all of its size."""

TOLERANT = threading.Lock()
"""Held while Pillow is asked to make the best of a broken file."""

BAND = 64  # rows of the result that are made at a time
SCANNED = 1 << 20  # pixels that are looked at at a time
SAMPLE = 512  # pixels a side, of the sample that tells whether a transparent picture is dark

UPRIGHT: dict[int, Callable[[MatLike], MatLike]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.flip(cv2.transpose(pixels), -1),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""What turns a picture upright, by its EXIF orientation (CIPA DC-008, 4.6.4)."""


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An upright photo, perhaps decoded at a fraction of its size.

    `width` and `height` are those of the full photo in pixels; `pixels` has the same aspect, to a pixel.
    """

    pixels: Pixels
    width: int
    height: int

    @property
    def px_per_full_px(self) -> tuple[float, float]:
        """Decoded pixels per pixel of the full photo, horizontally and vertically; at most 1."""
        return self.pixels.shape[1] / self.width, self.pixels.shape[0] / self.height

    @property
    def longer(self) -> int:
        """The longer side of the full photo in pixels."""
        return max(self.width, self.height)


def decode(data: bytes, *, needed_side: int, max_pixels: int, undrafted_side: int = 0) -> Photo:
    """Decode the first frame of `data` in which something can be seen, turned upright as its EXIF orientation says.

    A picture is reduced to 1/2, 1/4 or 1/8 of its size (JPEG; others to any 1/n) as long as its longer
    side stays at or above `needed_side` pixels: a JPEG at once from its DCT coefficients. Other formats
    are decoded whole, and a progressive JPEG takes nearly as long at any size, so that these are kept at
    `undrafted_side` if that is more.

    Raises:
        UnreadablePhoto: no picture, a broken one, or one of more than `max_pixels`, weighed by formats.weigh_pixel().
        MemoryError: there is not enough of it.
    """
    if raw := formats.extract_preview(data):
        photo = decode(raw.jpeg, needed_side=needed_side, max_pixels=max_pixels, undrafted_side=undrafted_side)
        width, height = sorted((raw.width, raw.height), reverse=photo.width >= photo.height)
        alike = 0.9 < width * photo.height / max(1, height * photo.width) < 1.1  # else it is of another part, or false
        return replace(photo, width=width, height=height) if alike else photo
    try:
        return _opened(data, needed_side, max_pixels, undrafted_side)
    except (UnreadablePhoto, MemoryError):
        raise
    except UnidentifiedImageError:
        numbers = Numbers.find(data)
        if numbers is None:
            raise UnreadablePhoto(formats.explain_refusal(data)) from None
        return _from_numbers(numbers, data, max(needed_side, undrafted_side), max_pixels)
    except Exception as error:  # Pillow's decoders raise nearly anything on broken input
        part = _what_is_there(data, needed_side, max_pixels, undrafted_side)
        if part is None:
            raise UnreadablePhoto(f"the picture is broken: {error}") from error
        return part


def _what_is_there(data: bytes, needed_side: int, max_pixels: int, undrafted_side: int) -> Photo | None:
    """The photo as far as the file goes, the rest in one colour; None if nothing can be seen."""
    with TOLERANT:  # the switch is for all threads: another's broken photo may be read that way too, meanwhile
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            photo = _opened(data, needed_side, max_pixels, undrafted_side)
        except (UnreadablePhoto, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - as above; the first error says it
            return None
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    return photo if photo.pixels.min() < photo.pixels.max() else None


def _opened(data: bytes, needed_side: int, max_pixels: int, undrafted_side: int) -> Photo:
    with formats.ignore_metadata_warnings(), Image.open(io.BytesIO(data), formats=formats.FORMATS) as image:
        if image.format not in DRAFTED or "progressive" in image.info:
            needed_side = max(needed_side, undrafted_side)
        return _photo(image, data, needed_side, max_pixels)


def _check_size(width: int, height: int, most: float, kind: str | None) -> None:
    if width * height > most:
        problem = f"the picture has {width} x {height} pixels; up to {most / 1e6:g} megapixels are read"
        raise UnreadablePhoto(f"{problem} from a {kind} file (OCR_MAX_MEGAPIXELS)")


def _from_numbers(numbers: Numbers, data: bytes, needed_side: int, max_pixels: int) -> Photo:
    _check_size(numbers.width, numbers.height, max_pixels / numbers.weight, "TIFF")
    try:
        pixels, width, height = decode_numbers(data, needed_side)
    except ValueError as error:
        raise UnreadablePhoto(f"the picture is broken: {error}") from error
    return Photo(pixels, width, height)


def _photo(image: Image.Image, data: bytes, needed_side: int, max_pixels: int) -> Photo:
    width, height = image.size
    _check_size(width, height, max_pixels / formats.weigh_pixel(image), image.format)
    pixels = _jpeg(image, data, needed_side)
    if pixels is None:
        pixels = _any(image, needed_side)
    orientation = _orientation(image)
    pixels = choose_frame(image, pixels, lambda frame: _any(frame, needed_side))
    if orientation in UPRIGHT:
        pixels = UPRIGHT[orientation](pixels).astype(np.uint8, copy=False)
        if orientation >= 5:  # these lay on their side
            width, height = height, width
    return Photo(pixels, width, height)


def _jpeg(image: Image.Image, data: bytes, needed_side: int) -> Pixels | None:
    """A JPEG's pixels as OpenCV decodes them, in half of Pillow's time; None if it is none or OpenCV cannot."""
    if image.format not in DRAFTED or image.mode not in {"L", "RGB"}:  # OpenCV mixes the inks of CMYK only roughly
        return None
    factor = next(factor for factor in REDUCED if factor == 1 or max(image.size) // factor >= needed_side)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(str(error)) from error
        return None
    return None if pixels is None else pixels.astype(np.uint8, copy=False)


def _any(image: Image.Image, needed_side: int) -> Pixels:
    """The pixels as Pillow decodes them, reduced to 1/n if they are more than needed: in bands, to need no copy."""
    longer = max(image.size)
    image.draft("RGB", (max(1, image.width * needed_side // longer), max(1, image.height * needed_side // longer)))
    image.load()
    plain = _plainly(image)
    factor = max(1, min(max(image.size) // needed_side, *image.size))
    if factor == 1:
        return plain(image)
    width, height = (side // factor for side in image.size)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, BAND):
        rows = min(BAND, height - top)
        band = image.crop((0, top * factor, width * factor, (top + rows) * factor))
        cv2.resize(plain(band), (width, rows), pixels[top : top + rows], interpolation=cv2.INTER_AREA)
    return pixels


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a photo with broken metadata is still a photo
        return 1


def _plainly(image: Image.Image) -> Callable[[Image.Image], Pixels]:
    """How `image`, and any part of it, becomes 8-bit BGR without transparency."""
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        low, high = _range(image)
        return lambda part: _bgr(Image.fromarray(stretch(np.asarray(part), low, high)))
    if image.has_transparency_data:
        sample = image.resize((min(image.width, SAMPLE), min(image.height, SAMPLE)), Image.Resampling.NEAREST)
        ground = _contrasting(sample.convert("RGBA"))
        return lambda part: _bgr(_laid_on(ground, part.convert("RGBA")))
    return _bgr


def _bgr(image: Image.Image) -> Pixels:
    return cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)


def _range(image: Image.Image) -> tuple[float, float]:
    """The least and the greatest number in a grey picture of 16 or 32 bits or floats, of which few fill their range."""
    rows = max(1, SCANNED // image.width)
    bands = (image.crop((0, top, image.width, min(top + rows, image.height))) for top in range(0, image.height, rows))
    numbers = (values[np.isfinite(values)] for values in map(np.asarray, bands))
    ends = [(float(each.min()), float(each.max())) for each in numbers if each.size]
    return min((low for low, _ in ends), default=0), max((high for _, high in ends), default=0)


def _contrasting(sample: Image.Image) -> str:
    """White if what is visible is dark, else black: text stays readable on it."""
    visible = ImageStat.Stat(sample.convert("L"), mask=sample.getchannel("A").point(lambda alpha: 255 * (alpha > 0)))
    return "white" if visible.count[0] == 0 or visible.mean[0] < 128 else "black"


def _laid_on(ground: str, image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image)
