"""A runner that computes from the pixels and fails on demand, and pictures to drive it."""

import io
import os
import signal
import threading
import time

import numpy as np
from PIL import Image

from ocr.decoding import decode
from ocr.types import Reading, TextLine
from runners.base import Options
from tests.fakes.waiting import LONG_S, wait_until

Colour = tuple[int, int, int]

BLANK: Colour = (0, 0, 0)
KILLS: Colour = (255, 0, 0)
KILLS_ONCE: Colour = (255, 0, 1)
FAILS: Colour = (0, 255, 0)
HUNGRY: Colour = (255, 255, 0)
HUNGRY_ONCE: Colour = (255, 255, 1)
BREAKS: Colour = (255, 128, 0)
"""Breaks the card: this photo fails, and every later one in the same process."""
BREAKS_ONCE: Colour = (255, 128, 1)
SAYS: Colour = (0, 255, 255)
SLOW: Colour = (0, 0, 255)
COUNTS_COMPANY: Colour = (255, 0, 255)
SLOW_SECONDS = 0.5
HELD: Colour = (0, 0, 254)
"""Is being read, which a file `held` in the folder of the model shows, until the test lets it go (`let_go`)."""


def photo(colour: Colour, size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG of one colour; its size is (width, height) in pixels."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def name(colour: Colour) -> str:
    """What ColourRunner reads in a picture of that colour."""
    return "#" + bytes(colour).hex()


def let_go(options: Options) -> None:
    """Let photos in HELD be read, those that come later too."""
    assert options.model_dir
    (options.model_dir / "go").touch()


class ColourRunner:
    """Reads one line around the whole photo: the name of its mean colour. Some colours make it fail."""

    device = "paint box"
    optimisations = ("broad brush",)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock, self._pair, self._inside = threading.Lock(), threading.Barrier(2), 0
        self._broken = False

    def load(self) -> None:
        pass

    def read(self, photo: bytes) -> Reading:
        decoded = decode(photo, needed_side=2000, max_pixels=self._options.limits.max_pixels)
        blue, green, red = (round(mean) for mean in decoded.pixels.mean(axis=(0, 1)))
        colour = red, green, blue
        if colour == KILLS or (colour == KILLS_ONCE and self._first_time()):
            os.kill(os.getpid(), signal.SIGKILL)
        if colour == FAILS:
            raise RuntimeError("green is not read")
        if colour == HUNGRY or (colour == HUNGRY_ONCE and self._first_time()):
            raise MemoryError
        self._broken = self._broken or colour == BREAKS or (colour == BREAKS_ONCE and self._first_time())
        if self._broken:
            raise OSError("(External) CUDA error(700), an illegal memory access was encountered.")
        if colour == SAYS:
            os.write(2, "\N{SNOWMAN}\x1b[1m".encode() + b"\xff, says a library\n")
        if colour == SLOW:
            time.sleep(SLOW_SECONDS)
        if colour == HELD:
            assert self._options.model_dir
            (self._options.model_dir / "held").touch()
            wait_until((self._options.model_dir / "go").exists)
        if colour == COUNTS_COMPANY:
            return self._company(decoded.width, decoded.height)
        if colour == BLANK:
            return Reading(size=(decoded.width, decoded.height))
        right, bottom = decoded.width, decoded.height
        polygon = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], dtype=np.float32)
        return Reading([TextLine(polygon, name(colour), 0.987)], {"decode": 0.25}, (right, bottom))

    def _company(self, width: int, height: int) -> Reading:
        """How many such photos are read at the same time, when there are two at least; fails if one stays alone."""
        with self._lock:
            self._inside += 1
        self._pair.wait(LONG_S)
        count = self._inside
        self._pair.wait(LONG_S)
        with self._lock:
            self._inside -= 1
        polygon = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        return Reading([TextLine(polygon, str(count), 1.0)], size=(width, height))

    def close(self) -> None:
        pass

    def _first_time(self) -> bool:
        assert self._options.model_dir, "the folder in which this runner remembers what has happened once"
        marker = self._options.model_dir / "once"
        first = not marker.exists()
        marker.touch()
        return first


class UnloadableRunner(ColourRunner):
    """Cannot be loaded."""

    def load(self) -> None:
        raise ImportError("no paint here")


class CrashingRunner(ColourRunner):
    """Takes its process along when it is loaded, as an engine does on a processor that it was not built for."""

    def load(self) -> None:
        os.kill(os.getpid(), signal.SIGILL)


class HuntedRunner(ColourRunner):
    """Is killed the first time that it is loaded."""

    def load(self) -> None:
        if self._first_time():
            os.kill(os.getpid(), signal.SIGKILL)


class EndlessRunner(ColourRunner):
    """Never finishes loading."""

    def load(self) -> None:
        time.sleep(3600)
