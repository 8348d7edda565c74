"""Micro-batching: lines of all photos that are in work at the same moment share the recognizer's batches."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from ocr.errors import EngineFailed
from ocr.types import Pixels, Recognize

log = logging.getLogger("mtphotos_ocr.micro_batching")


@dataclass(slots=True, eq=False)
class _Request:
    """The lines of one photo that wait for the recognizer."""

    crops: Sequence[Pixels]
    """The lines, cropped."""

    texts: list[tuple[str, float]] | None = None
    """Text and score of each; None until they have been read with those of other photos."""


class MicroBatcher:
    """A recognizer whose batches hold lines of several photos: a card reads a full batch as fast as a sparse one.

    While it reads, other threads queue their lines; the first of them to have its turn reads those of all.
    """

    def __init__(self, recognizer: Recognize) -> None:
        self._recognizer = recognizer
        self._queue: list[_Request] = []
        self._queue_lock = Lock()
        self._turn = Lock()

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        request = _Request(crops)
        with self._queue_lock:
            self._queue.append(request)
        with self._turn:
            if request in self._queue:
                self._recognize_queue()
            return self._recognizer(crops) if request.texts is None else request.texts

    def _recognize_queue(self) -> None:
        """Recognize all queued lines in one call; a lone photo, or each photo if that fails, is left to its thread.

        Raises EngineFailed.
        """
        with self._queue_lock:
            requests, self._queue = self._queue, []
        if len(requests) == 1:
            return
        try:
            texts = iter(self._recognizer([crop for request in requests for crop in request.crops]))
        except EngineFailed:
            raise  # alone, they would meet it again
        except Exception:
            log.exception("the lines of %d photos failed in one batch; each photo is now read alone", len(requests))
            return
        for request in requests:
            request.texts = [next(texts) for _ in request.crops]
