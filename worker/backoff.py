"""Pauses between attempts that fail one after another."""

import time

PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds until the next attempt after the first, second ... failure in a row; the last one goes on for ever."""


class Backoff:
    """Says how long to wait before the next attempt; a success starts it over."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds until the next attempt is due."""
        return max(0.0, self._until - time.monotonic())

    def failed(self) -> None:
        """Count a failure: the pause starts now, longer than the one before."""
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        self._until = time.monotonic() + pause

    def succeeded(self) -> None:
        """Start over."""
        self._failures = 0
        self._until = 0.0
