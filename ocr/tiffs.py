"""TIFFs with numbers for which Pillow has no pixels, such as colours as floats: OpenCV decodes them."""

import io
import struct
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from ocr.formats import TIFF_SIGNATURES, ignore_metadata_warnings
from ocr.types import Pixels

WIDTH, HEIGHT, BITS, SAMPLES, PLANES = 256, 257, 258, 277, 284  # tags
BAND = 64  # rows of the result that are made at a time
BRIGHT_SHARE = 0.01
"""If fewer numbers than this share are above 1, 1 is white: they are lamps, or the sun."""


class Numbers(NamedTuple):
    """The first picture of such a file, as its header describes it, in pixels."""

    width: int
    height: int
    weight: int
    """What a pixel counts as, as in formats.weigh_pixel(): OpenCV may hold each number twice."""

    @classmethod
    def find(cls, data: bytes) -> Self | None:
        """None if `data` is no TIFF, or not one that OpenCV decodes."""
        if not data.startswith(TIFF_SIGNATURES):
            return None
        try:
            file = io.BytesIO(data)
            with ignore_metadata_warnings():
                tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
                file.seek(start := tags.next)
                tags.load(file)
            width, height, samples, (bits, *_) = tags[WIDTH], tags[HEIGHT], tags.get(SAMPLES, 1), tags[BITS]
            # of planes one behind the other, OpenCV leaves most of the memory as it finds it
            fits = tags.get(PLANES, 1) == 1 and samples in {1, 3, 4} and bits in {16, 32, 64}
            if not fits or width < 1 or height < 1 or _has_doubles(data, start):
                return None
            return cls(width, height, -(-2 * samples * bits // 32))
        except Exception:  # noqa: BLE001 - whatever is wrong with its tags
            return None


def _has_doubles(data: bytes, start: int) -> bool:
    """Whether a tag is there twice: Pillow takes the last one, OpenCV the first, which may be the size of a giant."""
    order = "<" if data.startswith(b"II") else ">"
    count: int = struct.unpack_from(f"{order}H", data, start)[0]
    numbers = {struct.unpack_from(f"{order}H", data, start + 2 + 12 * index) for index in range(count)}
    return len(numbers) != count


def decode_numbers(data: bytes, needed_side: int) -> tuple[Pixels, int, int]:
    """The pixels, turned as the file says and reduced to 1/n if they are more than needed; their full width and height.

    Raises:
        ValueError: OpenCV cannot decode them.
        MemoryError: there is not enough of it.
    """
    try:
        numbers = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise (MemoryError if error.code == cv2.Error.StsNoMem else ValueError)(str(error)) from error
    if numbers is None:
        raise ValueError("its numbers cannot be decoded")
    colours = numbers[..., :3] if numbers.ndim == 3 else numbers[..., np.newaxis]
    low, high = _find_range(colours)
    full_height, full_width = colours.shape[:2]
    factor = max(1, min(max(full_width, full_height) // needed_side, full_width, full_height))
    width, height = full_width // factor, full_height // factor
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, BAND):
        rows = min(BAND, height - top)
        band = stretch(colours[top * factor : (top + rows) * factor, : width * factor], low, high)
        reduced = cv2.resize(band, (width, rows), interpolation=cv2.INTER_AREA)
        pixels[top : top + rows] = reduced.reshape(rows, width, -1)  # grey in all three colours
    return pixels, full_width, full_height


def _find_range(colours: NDArray[Any]) -> tuple[float, float]:
    """The numbers that become black and white."""
    lows, highs, bright, count = [], [], 0, 0
    for rows in np.array_split(colours, -(-colours.shape[0] // BAND)):
        finite = rows[np.isfinite(rows)]
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
            bright += int(np.count_nonzero(finite > 1))
            count += finite.size
    low, high = min(lows, default=0), max(highs, default=0)
    return low, 1.0 if 0 <= low < 1 < high and bright < BRIGHT_SHARE * count else high


def stretch(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Numbers between `low` and `high`, as 0-255."""
    finite = np.nan_to_num(values.astype(np.float64), nan=low).clip(low, high)
    levels: NDArray[np.uint8] = ((finite - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    return levels
