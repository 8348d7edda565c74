"""Lines of several photos in one batch."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from ocr.errors import EngineFailed
from ocr.micro_batching import MicroBatcher
from ocr.types import Pixels
from tests.fakes.waiting import LONG_S, wait_until


def crop(value: int) -> Pixels:
    return np.full((48, 100, 3), value, dtype=np.uint8)


class ValueRecognizer:
    """Reads each crop's first value, once it is let go; a batch of more than two crops must not hold a 13."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.started = Event()
        self.go = Event()

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        self.batches.append(len(crops))
        self.started.set()
        assert self.go.wait(LONG_S)
        values = [int(crop[0, 0, 0]) for crop in crops]
        if 13 in values and len(values) > 2:
            raise RuntimeError("out of memory")
        if 66 in values and len(values) > 2:
            raise EngineFailed
        return [(str(value), 1.0) for value in values]


def recognize_at_once(recognizer: ValueRecognizer, photos: list[list[int]]) -> list[list[tuple[str, float]]]:
    """The other photos' lines arrive while the first photo's are recognized."""
    batcher = MicroBatcher(recognizer)
    with ThreadPoolExecutor(len(photos)) as pool:
        first = pool.submit(batcher, [crop(value) for value in photos[0]])
        assert recognizer.started.wait(LONG_S)
        others = [pool.submit(batcher, [crop(value) for value in photo]) for photo in photos[1:]]
        wait_until(lambda: len(batcher._queue) == len(others))
        recognizer.go.set()
        return [future.result() for future in (first, *others)]


def expected(photos: list[list[int]]) -> list[list[tuple[str, float]]]:
    return [[(str(value), 1.0) for value in photo] for photo in photos]


def test_lines_that_arrive_during_a_batch_are_the_next_batch() -> None:
    recognizer, photos = ValueRecognizer(), [[1, 2], [3], [], [4, 5, 6]]
    assert recognize_at_once(recognizer, photos) == expected(photos)
    assert recognizer.batches == [2, 4]


def test_after_a_failed_batch_each_photo_is_read_alone(caplog: pytest.LogCaptureFixture) -> None:
    recognizer, photos = ValueRecognizer(), [[1], [2, 3], [13], [4]]
    with caplog.at_level(logging.ERROR, "mtphotos_ocr.micro_batching"):
        assert recognize_at_once(recognizer, photos) == expected(photos)
    assert sorted(recognizer.batches) == [1, 1, 1, 2, 4]
    assert "the lines of 3 photos failed in one batch" in caplog.text


def test_the_error_of_a_photo_that_fails_alone_is_raised() -> None:
    recognizer = ValueRecognizer()
    recognizer.go.set()
    batcher = MicroBatcher(recognizer)
    with pytest.raises(RuntimeError, match="out of memory"):
        batcher([crop(1), crop(2), crop(13)])
    assert batcher([crop(1)]) == [("1", 1.0)]
    assert recognizer.batches == [3, 1]


def test_an_engine_that_has_failed_is_not_tried_again() -> None:
    recognizer = ValueRecognizer()
    with pytest.raises(EngineFailed):
        recognize_at_once(recognizer, [[1], [2, 3], [66]])
    assert 3 in recognizer.batches
