"""From the bytes of a file to the pixels of the upright photo."""

import io
import warnings
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
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
"""Those that Pillow decodes at a fraction of their size for a fraction of the time."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
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
    are decoded whole, so they are kept at `undrafted_side` if that is more.

    Raises:
        UnreadablePhoto: no picture, a broken one, or one of more than `max_pixels`.
        MemoryError: there is not enough of it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; only the pixels count here
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.format not in DRAFTED:
                    needed_side = max(needed_side, undrafted_side)
                return _photo(image, needed_side, max_pixels)
    except (UnreadablePhoto, MemoryError):
        raise
    except UnidentifiedImageError:
        raise UnreadablePhoto("the file is not a picture, or in a format that cannot be read") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on broken input
        raise UnreadablePhoto(f"the picture is broken: {error}") from error


def _photo(image: Image.Image, needed_side: int, max_pixels: int) -> Photo:
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadablePhoto(
            f"the picture has {width} x {height} pixels; up to {max_pixels / 1e6:g} megapixels are read"
        )
    longer = max(width, height)
    image.draft("RGB", (max(1, width * needed_side // longer), max(1, height * needed_side // longer)))
    image.load()
    orientation = _orientation(image)
    factor = max(image.size) // needed_side
    if factor > 1 and min(image.size) >= factor and image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        image = image.reduce(factor)
    if orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
        if orientation >= 5:  # these lay on their side
            width, height = height, width
    return Photo(_bgr(image), width, height)


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
