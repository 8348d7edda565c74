"""A bound on the pixels of all photos that are decoded at the same moment."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from ocr.formats import FORMATS, extract_preview, ignore_metadata_warnings, weigh_pixel
from ocr.tiffs import Numbers


class PixelBudget:
    """Lets threads hold at most `max_pixels` together; the others wait, first come first served.

    A photo above the limit is let in alone (ocr.decoding refuses it). None overtakes a waiting one, or a large one
    would wait for ever.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._held = 0
        self._released = threading.Condition()
        self._next = threading.Lock()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Run the block when there is room for a photo of so many pixels."""
        with self._next, self._released:
            self._released.wait_for(lambda: not self._held or self._held + pixels <= self._max_pixels)
            self._held += pixels
        try:
            yield
        finally:
            with self._released:
                self._held -= pixels
                self._released.notify_all()


def weigh_pixels(photo: bytes) -> int:
    """The pixels of a photo or its preview, read from its header and weighted by format; 0 if it is no picture."""
    try:
        raw = extract_preview(photo)
        with ignore_metadata_warnings(), Image.open(io.BytesIO(raw.jpeg if raw else photo), formats=FORMATS) as image:
            return image.width * image.height * weigh_pixel(image)
    except UnidentifiedImageError:
        numbers = Numbers.find(photo)
        return numbers.width * numbers.height * numbers.weight if numbers else 0
    except Exception:  # noqa: BLE001 - the runner hits the same error and reports it
        return 0
