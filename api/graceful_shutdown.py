"""The end of the service: photos under way get their answers within a time limit, later ones are refused."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import FrameType

from api.errors import Stopping

STOPPING = "the service is stopping; send this photo again when it is back"

Handler = Callable[[int, FrameType | None], object]


class GracefulShutdown:
    """Gives requests in flight when the service is told to stop `timeout_s` seconds to finish.

    The server itself would wait without limit: a photo that takes minutes, or a stalled upload, would hold it until
    something killed it, and all other answers with it. Meanwhile it accepts no connections: new ones hang until it
    ends. So it gets the signal only once nothing is in flight.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end: float | None = None
        self._limits: set[asyncio.Timeout] = set()
        self._callbacks: list[Callable[[], object]] = []

    @property
    def begun(self) -> bool:
        """Whether the service was asked to stop."""
        return self._end is not None

    def watch_signals(self) -> None:
        """Begin when SIGTERM or SIGINT comes, and call the server's own handler afterwards."""
        if threading.current_thread() is not threading.main_thread():  # in a test, where no signals arrive
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if callable(servers := signal.getsignal(number)):

                def handle(received: int, _: FrameType | None, servers: Handler = servers) -> None:
                    loop.call_soon_threadsafe(self.begin, partial(servers, received, None))

                signal.signal(number, handle)

    def begin(self, callback: Callable[[], object]) -> None:
        """Start the clock, once; call `callback` when nothing is under way any more."""
        self._callbacks.append(callback)
        if self._end is None:
            self._end = asyncio.get_running_loop().time() + self._timeout_s
            for limit in self._limits:
                limit.reschedule(self._end)
        self._finish()

    def _finish(self) -> None:
        while self.begun and self._callbacks and not self._limits:
            self._callbacks.pop(0)()

    @asynccontextmanager
    async def bound(self) -> AsyncIterator[None]:
        """Run a block that ends in time.

        Raises:
            Stopping: the block was still running at the end, or would begin only now.
        """
        if self.begun:
            raise Stopping(STOPPING)
        try:
            async with asyncio.timeout(None) as limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
                    self._finish()
        except TimeoutError:
            raise Stopping(STOPPING) from None
