"""From the bytes of a file to the pixels of the upright photo."""

import io
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, ImageStat, UnidentifiedImageError

from ocr.errors import UnreadablePhoto
from ocr.types import Pixels

Image.MAX_IMAGE_PIXELS = None  # the bound is ours, and the caller's to set: see decode()


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


def decode(data: bytes, *, needed_side: int, max_pixels: int) -> Photo:
    """Decode the first frame of `data`, turned upright as its EXIF orientation says.

    A JPEG is decoded straight from its DCT coefficients to 1/2, 1/4 or 1/8 of its size as long as its
    longer side stays at or above `needed_side` pixels.

    Raises:
        UnreadablePhoto: no picture, a broken one, or one of more than `max_pixels`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; only the pixels count here
            with Image.open(io.BytesIO(data)) as image:
                return _upright(image, needed_side, max_pixels)
    except UnreadablePhoto:
        raise
    except UnidentifiedImageError:
        raise UnreadablePhoto("the file is not a picture, or in a format that cannot be read") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on broken input
        raise UnreadablePhoto(f"the picture is broken: {error}") from error


def _upright(image: Image.Image, needed_side: int, max_pixels: int) -> Photo:
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadablePhoto(
            f"the picture has {width} x {height} pixels; up to {max_pixels / 1e6:g} megapixels are read"
        )
    longer = max(width, height)
    image.draft("RGB", (max(1, width * needed_side // longer), max(1, height * needed_side // longer)))
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):  # these lie on their side
        width, height = height, width
    return Photo(_bgr(ImageOps.exif_transpose(image)), width, height)


def _bgr(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):  # 16 bits a pixel, in Pillow's modes I;16, I;16B and I
        image = Image.fromarray((np.asarray(image).clip(0, 0xFFFF) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = _on_contrasting_ground(image.convert("RGBA"))
    return cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)


def _on_contrasting_ground(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white if what is visible is dark, else on black: its text stays readable."""
    visible = ImageStat.Stat(image.convert("L"), mask=image.getchannel("A").point(lambda alpha: 255 * (alpha > 0)))
    dark = visible.count[0] == 0 or visible.mean[0] < 128
    ground = Image.new("RGBA", image.size, "white" if dark else "black")
    return Image.alpha_composite(ground, image)
