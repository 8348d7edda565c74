"""Lines of several photos in one batch."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from ocr.micro_batching import MicroBatcher
from ocr.types import Pixels


def crop(value: int) -> Pixels:
    return np.full((48, 100, 3), value, dtype=np.uint8)


class Reads:
    """A recognizer that says each crop's first value, once it is let go; it cannot read 13 among others."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.started = Event()
        self.go = Event()

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        self.batches.append(len(crops))
        self.started.set()
        assert self.go.wait(10)
        values = [int(crop[0, 0, 0]) for crop in crops]
        if 13 in values and len(values) > 2:
            raise RuntimeError("out of memory")
        return [(str(value), 1.0) for value in values]


def read_at_once(reads: Reads, photos: list[list[int]]) -> list[list[tuple[str, float]]]:
    """The first photo's lines are being read when the others come."""
    together = MicroBatcher(reads)
    with ThreadPoolExecutor(len(photos)) as pool:
        first = pool.submit(together, [crop(value) for value in photos[0]])
        assert reads.started.wait(10)
        others = [pool.submit(together, [crop(value) for value in photo]) for photo in photos[1:]]
        while len(together._gathered) < len(others):
            pass
        reads.go.set()
        return [future.result() for future in (first, *others)]


def expected(photos: list[list[int]]) -> list[list[tuple[str, float]]]:
    return [[(str(value), 1.0) for value in photo] for photo in photos]


def test_what_comes_while_a_batch_is_read_is_the_next_batch() -> None:
    reads, photos = Reads(), [[1, 2], [3], [], [4, 5, 6]]
    assert read_at_once(reads, photos) == expected(photos)
    assert reads.batches == [2, 4]


def test_what_cannot_be_read_together_is_read_photo_by_photo(caplog: pytest.LogCaptureFixture) -> None:
    reads, photos = Reads(), [[1], [2, 3], [13], [4]]
    with caplog.at_level(logging.ERROR, "mtphotos_ocr.together"):
        assert read_at_once(reads, photos) == expected(photos)
    assert sorted(reads.batches) == [1, 1, 1, 2, 4]
    assert "3 photos could not be read together" in caplog.text


def test_an_error_is_that_of_the_photo_alone() -> None:
    reads = Reads()
    reads.go.set()
    together = MicroBatcher(reads)
    with pytest.raises(RuntimeError, match="out of memory"):
        together([crop(1), crop(2), crop(13)])
    assert together([crop(1)]) == [("1", 1.0)]
    assert reads.batches == [3, 1]
