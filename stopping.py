"""The end of the service: what is under way gets its answer, but not for ever."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

from upload import Refused


class Stopping(Refused):
    """The service was told to stop, and the time for what was under way is over."""

    def __init__(self) -> None:
        super().__init__(503, "the service is stopping; send this photo again when it is back")


class Drain:
    """Gives the requests that are under way when the service is told to stop `seconds` for their answers.

    The server waits for them without a limit of its own: a photo that takes minutes, or a sender that has stopped
    in the middle of an upload, would keep it until something kills it, and all other answers with it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None
        self._limits: set[asyncio.Timeout] = set()

    def watch(self) -> None:
        """Begin when SIGTERM or SIGINT comes; what the server itself does then happens as well."""
        if threading.current_thread() is not threading.main_thread():  # a test's: signals do not come there
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            servers = signal.getsignal(number)

            def handle(received: int, frame: FrameType | None, servers: object = servers) -> None:
                loop.call_soon_threadsafe(self.begin)
                if callable(servers):
                    servers(received, frame)

            signal.signal(number, handle)

    def begin(self) -> None:
        """Start the clock, once."""
        if self._end is None:
            self._end = asyncio.get_running_loop().time() + self._seconds
            for limit in self._limits:
                limit.reschedule(self._end)

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Run a block that ends in time.

        Raises:
            Stopping: it was still running at the end.
        """
        try:
            async with asyncio.timeout_at(self._end) as limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            raise Stopping from None
