"""Whether bytes are freed as soon as nobody needs them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


class Noted(bytes):
    """Bytes that count how many of their kind were freed."""

    freed = 0

    def __del__(self) -> None:
        Noted.freed += 1


@contextmanager
def without_collector(*, first: bool = True) -> Iterator[None]:
    """Run the block without garbage collection, but for `first`: what is freed in it is in no circle of references."""
    if first:
        gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
