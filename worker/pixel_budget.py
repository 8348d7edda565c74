"""A bound on the pixels of all photos that are read at the same moment."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from ocr.formats import FORMATS, extract_preview, ignore_metadata_warnings, weigh_pixel


class PixelBudget:
    """Lets photos pass while those inside have at most so many pixels together; the others wait, for threads.

    One photo passes whatever its size. None overtakes one that waits, so that a large one is not put off for ever.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self._left = threading.Condition()
        self._next = threading.Lock()

    @contextmanager
    def passed(self, pixels: int) -> Iterator[None]:
        """Run the block when there is room for a photo of so many pixels."""
        with self._next, self._left:
            self._left.wait_for(lambda: not self._inside or self._inside + pixels <= self._most)
            self._inside += pixels
        try:
            yield
        finally:
            with self._left:
                self._inside -= pixels
                self._left.notify_all()


def pixels(photo: bytes) -> int:
    """How many pixels a photo or its preview has, by its header and weighed by its format; none if it is no picture."""
    try:
        raw = extract_preview(photo)
        with ignore_metadata_warnings(), Image.open(io.BytesIO(raw.jpeg if raw else photo), formats=FORMATS) as image:
            return image.width * image.height * weigh_pixel(image)
    except Exception:  # noqa: BLE001 - the runner meets the same, and says what it is
        return 0
