"""From the bytes of a file to the pixels of the upright photo."""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageStat, UnidentifiedImageError

from ocr.errors import UnreadablePhoto
from ocr.types import Pixels

Image.MAX_IMAGE_PIXELS = None  # the bound is ours, and the caller's to set: see decode()

Image.init()  # all plugins, so that OPEN knows them
FORMATS = sorted(
    {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "ICO", "PPM"} & set(Image.OPEN)
)
"""Those that are pictures and nothing else: Pillow's EPS plugin, for one, runs Ghostscript on the sender's program."""

DRAFTED = {"JPEG", "MPO"}
"""Those that can be decoded at a fraction of their size for a fraction of the time."""

REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}
"""How OpenCV is asked for a JPEG at 1/8 to all of its size."""

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
    def scale(self) -> tuple[float, float]:
        """Full-size pixels per decoded pixel, horizontally and vertically."""
        return self.width / self.pixels.shape[1], self.height / self.pixels.shape[0]

    @property
    def longer(self) -> int:
        """The longer side of the full photo in pixels."""
        return max(self.width, self.height)


def decode(data: bytes, *, needed_side: int, max_pixels: int, undrafted_side: int = 0) -> Photo:
    """Decode the first frame of `data`, turned upright as its EXIF orientation says.

    A picture is reduced to 1/2, 1/4 or 1/8 of its size (JPEG; others to any 1/n) as long as its longer
    side stays at or above `needed_side` pixels: a JPEG at once from its DCT coefficients. Other formats
    are decoded whole, and a progressive JPEG takes nearly as long at any size, so that these are kept at
    `undrafted_side` if that is more.

    Raises:
        UnreadablePhoto: no picture, a broken one, or one of more than `max_pixels`.
        MemoryError: there is not enough of it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; only the pixels count here
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.format not in DRAFTED or "progressive" in image.info:
                    needed_side = max(needed_side, undrafted_side)
                return _photo(image, data, needed_side, max_pixels)
    except (UnreadablePhoto, MemoryError):
        raise
    except UnidentifiedImageError:
        raise UnreadablePhoto("the file is not a picture, or in a format that cannot be read") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on broken input
        raise UnreadablePhoto(f"the picture is broken: {error}") from error


def _photo(image: Image.Image, data: bytes, needed_side: int, max_pixels: int) -> Photo:
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadablePhoto(
            f"the picture has {width} x {height} pixels; up to {max_pixels / 1e6:g} megapixels are read"
        )
    pixels = _jpeg(image, data, needed_side)
    if pixels is None:
        pixels = _any(image, needed_side)
    orientation = _orientation(image)
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
    """The pixels as Pillow decodes them, reduced to 1/n if they are more than needed."""
    longer = max(image.size)
    image.draft("RGB", (max(1, image.width * needed_side // longer), max(1, image.height * needed_side // longer)))
    image.load()
    factor = max(image.size) // needed_side
    if factor > 1 and min(image.size) >= factor and image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        image = image.reduce(factor)
    return _bgr(image)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a photo with broken metadata is still a photo
        return 1


def _bgr(image: Image.Image) -> Pixels:
    if image.mode[0] in "IF":
        image = Image.fromarray(_eight_bits(np.asarray(image), image.mode))
    if image.has_transparency_data:
        image = _on_contrasting_ground(image.convert("RGBA"))
    return cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)


def _eight_bits(values: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    """Grey levels of 16 bits by their upper half; of 32 bits and of floats, whose range is not known, stretched."""
    grey: NDArray[np.uint8]
    if mode.startswith("I;16"):
        grey = np.right_shift(values, 8).astype(np.uint8)
    else:
        finite = np.nan_to_num(values.astype(np.float64))
        low, high = finite.min(), finite.max()
        grey = ((finite - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    return grey


def _on_contrasting_ground(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white if what is visible is dark, else on black: its text stays readable."""
    visible = ImageStat.Stat(image.convert("L"), mask=image.getchannel("A").point(lambda alpha: 255 * (alpha > 0)))
    dark = visible.count[0] == 0 or visible.mean[0] < 128
    ground = Image.new("RGBA", image.size, "white" if dark else "black")
    return Image.alpha_composite(ground, image)
