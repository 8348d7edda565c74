"""Which frame of an animation is read: the first one, but where the picture fades in, one in which it can be seen."""

from collections.abc import Callable

import cv2
from PIL import Image

from ocr.pillow_patches import bounded_pixels
from ocr.types import Pixels

FORMATS = {"GIF", "WEBP", "PNG", "AVIF", "HEIF"}
"""Those whose further pictures are frames; in TIFF and MPO they are pages, or other views."""

MAX_FRAMES = 100
MAX_PIXELS = 100 * 10**6
"""How many frames are looked at, and of how many pixels together: about a second."""

BLANK_CONTRAST = 24
"""Of levels 0-255: a frame with less is blank. Compression leaves a frame of one colour with a few."""

CLEAR_CONTRAST = 96
"""At this, text can be read; the next frame of one that fades in has more."""


def choose_frame(image: Image.Image, first: Pixels, decode: Callable[[Image.Image], Pixels]) -> Pixels:
    """The pixels of the frame that is read, of which `first` are those of the first one.

    If that is blank, it is the first one that is clear, or whose contrast the next one does not exceed.
    """
    if image.format not in FORMATS or not getattr(image, "is_animated", False):
        return first
    chosen, contrast, size = first, _measure_contrast(first), image.size
    if contrast >= BLANK_CONTRAST:
        return first
    for number in range(1, min(MAX_FRAMES, MAX_PIXELS // (size[0] * size[1]))):
        try:
            with bounded_pixels(size[0] * size[1]):  # a GIF's frame beyond its picture enlarges it, to gigabytes
                image.seek(number)
            pixels = decode(image) if image.size == size else first
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - there is no such frame, or it is broken: then those before it count
            break
        more = _measure_contrast(pixels)
        if more <= contrast and contrast >= BLANK_CONTRAST:
            break
        if more > contrast:
            chosen, contrast = pixels, more
        if contrast >= CLEAR_CONTRAST:
            break
    return chosen if contrast >= BLANK_CONTRAST else first


def _measure_contrast(pixels: Pixels) -> int:
    """The widest range of levels that a colour has."""
    low, high = (cv2.reduce(pixels, 0, kind).reshape(-1, 3) for kind in (cv2.REDUCE_MIN, cv2.REDUCE_MAX))
    return int((high.max(axis=0).astype(int) - low.min(axis=0)).max())
