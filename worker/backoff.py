"""Pauses between attempts that fail one after another."""

import time
from collections.abc import Sequence


class Backoff:
    """Says how long to wait before the next attempt: `pauses_s` seconds after the first, second ... failure in a row.

    The last pause repeats; a success starts over.
    """

    def __init__(self, pauses_s: Sequence[float]) -> None:
        self._pauses_s = pauses_s
        self._failures = 0
        self._until = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the next attempt is due."""
        return max(0.0, self._until - time.monotonic())

    def count_failure(self) -> None:
        """Start a pause, longer than the one before."""
        pause = self._pauses_s[min(self._failures, len(self._pauses_s) - 1)]
        self._failures += 1
        self._until = time.monotonic() + pause

    def reset(self) -> None:
        """Start over: an attempt has succeeded."""
        self._failures = 0
        self._until = 0.0
