"""Lines of all photos that are being read at the same moment, recognized together."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from ocr.types import Pixels, Recognize

log = logging.getLogger("mtphotos_ocr.together")


@dataclass(slots=True, eq=False)
class _Call:
    """The crops of one photo, and their texts once they are there."""

    crops: Sequence[Pixels]
    texts: list[tuple[str, float]] | None = None


class MicroBatcher:
    """A recognizer whose batches hold lines of several photos: a card reads a full one in the time of a sparse one.

    While it reads, the calls of other threads gather; the first of them to have its turn reads them all.
    """

    def __init__(self, recognizer: Recognize) -> None:
        self._recognizer = recognizer
        self._gathered: list[_Call] = []
        self._gathering = Lock()
        self._turn = Lock()

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        call = _Call(crops)
        with self._gathering:
            self._gathered.append(call)
        with self._turn:
            if call in self._gathered:
                self._read_gathered()
            return self._recognizer(crops) if call.texts is None else call.texts

    def _read_gathered(self) -> None:
        """Read what has gathered; where that fails, each photo is left to be read by itself."""
        with self._gathering:
            calls, self._gathered = self._gathered, []
        if len(calls) == 1:
            return
        try:
            texts = iter(self._recognizer([crop for call in calls for crop in call.crops]))
        except Exception:
            log.exception("lines of %d photos could not be read together", len(calls))
            return
        for call in calls:
            call.texts = [next(texts) for _ in call.crops]
