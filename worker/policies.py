"""When a healthy worker is ended or replaced."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context


class IdleRelease:
    """Calls `release` when there was no photo for `idle_s` seconds (0: never)."""

    def __init__(self, idle_s: float, release: Callable[[], None]) -> None:
        self._idle_s = idle_s
        self._release = release
        self._timer: asyncio.TimerHandle | None = None

    def restart_clock(self) -> None:
        """Count the seconds from now on."""
        self.stop()
        if self._idle_s:  # in a context of its own: what it logs belongs to no request
            self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._release, context=Context())

    def stop(self) -> None:
        """Do not count."""
        if self._timer:
            self._timer.cancel()


class MemoryLimit:
    """Says when a worker holds more than `limit_bytes` (0: any), at most once in `pause_s` seconds."""

    def __init__(self, limit_bytes: int, pause_s: float) -> None:
        self._limit_bytes = limit_bytes
        self._pause_s = pause_s
        self._not_before = 0.0

    def should_replace(self, held_bytes: int) -> bool:
        """Whether a worker that holds so much is to be replaced."""
        if not 0 < self._limit_bytes < held_bytes or time.monotonic() < self._not_before:
            return False
        self._not_before = time.monotonic() + self._pause_s
        return True
