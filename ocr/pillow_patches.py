"""What we change inside Pillow: a bound on pixels for one thread, where Pillow has one for all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from PIL import Image

_bound = local()


def check(size: tuple[int, int], *, error_only: bool = False) -> None:  # noqa: ARG001 - Pillow's own signature
    """Refuse to make a picture of more pixels than this thread has said; Pillow calls it before it takes memory."""
    pixels = getattr(_bound, "pixels", None)
    if pixels is not None and size[0] * size[1] > pixels:
        raise Image.DecompressionBombError(f"{size[0]} x {size[1]} pixels are more than {pixels}")


@contextmanager
def bounded_pixels(pixels: int) -> Iterator[None]:
    """Let Pillow make no picture of more pixels in this thread."""
    _bound.pixels = pixels
    try:
        yield
    finally:
        _bound.pixels = None


Image._decompression_bomb_check = check  # noqa: SLF001
