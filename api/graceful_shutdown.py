"""The end of the service: what is under way gets its answer, but not for ever, and what comes then is told."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType

from api.uploads import Refused

Handler = Callable[[int, FrameType | None], object]


class Stopping(Refused):
    """The service was told to stop: before this photo came, or so long ago that its time is over."""

    def __init__(self) -> None:
        super().__init__(503, "the service is stopping; send this photo again when it is back")


class GracefulShutdown:
    """Gives the requests that are under way when the service is told to stop `seconds` for their answers.

    The server would wait for them without a limit: a photo that takes minutes, or a sender that has stopped in the
    middle of an upload, would keep it until something kills it, and all other answers with it. And it would take no
    connection meanwhile: those that come would hang until it has ended. So it is told when nothing is under way.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None
        self._limits: set[asyncio.Timeout] = set()
        self._then: list[Callable[[], object]] = []

    @property
    def begun(self) -> bool:
        """Whether the service was told to stop."""
        return self._end is not None

    def watch(self) -> None:
        """Begin when SIGTERM or SIGINT comes; what the server itself does then happens afterwards."""
        if threading.current_thread() is not threading.main_thread():  # a test's: signals do not come there
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if callable(servers := signal.getsignal(number)):

                def handle(received: int, _: FrameType | None, servers: Handler = servers) -> None:
                    loop.call_soon_threadsafe(self.begin, partial(servers, received, None))

                signal.signal(number, handle)

    def begin(self, then: Callable[[], object]) -> None:
        """Start the clock, once; `then` is called when nothing is under way any more."""
        self._then.append(then)
        if self._end is None:
            self._end = asyncio.get_running_loop().time() + self._seconds
            for limit in self._limits:
                limit.reschedule(self._end)
        self._finish()

    def _finish(self) -> None:
        while self.begun and self._then and not self._limits:
            self._then.pop(0)()

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Run a block that ends in time.

        Raises:
            Stopping: it was still running at the end, or would begin now.
        """
        if self.begun:
            raise Stopping
        try:
            async with asyncio.timeout(None) as limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
                    self._finish()
        except TimeoutError:
            raise Stopping from None
