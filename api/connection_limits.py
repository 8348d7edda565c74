"""Bounds on everything in a request except its body: uvicorn's protocol on httptools has none.

Without them anyone, even without a key, could make the service keep headers or trailers until there is no memory left,
or hold connections on which nothing comes; or, when the service stops, make it wait for ever to deliver its answers.
"""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 65536
"""As much as uvicorn's other protocol allows."""

TOO_LONG = "The request line and the headers are too long."


@dataclass(frozen=True, slots=True)
class Timings:
    """How long a client may take."""

    header_timeout_s: float = 60.0
    """For the headers of a request."""
    close_timeout_s: float = 5.0
    """To take the answers that are still on their way when the service ends."""


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose headers are slow, or that sends MAX_HEADER_BYTES and completes neither headers nor data.

    A connection that waits for its next request is closed by uvicorn itself.
    """

    timings: ClassVar[Timings] = Timings()
    _incomplete_bytes = 0
    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the headers."""
        super().on_message_begin()
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        self._incomplete_bytes += len(data)
        super().data_received(data)
        if self._incomplete_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self.send_400_response(TOO_LONG)

    def on_headers_complete(self) -> None:
        """Begin to handle the request."""
        self._incomplete_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._incomplete_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._incomplete_bytes = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """End once the answers are delivered; uvicorn would wait for that without a limit."""
        super().shutdown()
        self.loop.call_later(self.timings.close_timeout_s, self.transport.abort)

    def _expect_headers(self) -> None:
        self._stop_timer()
        self._header_timer = self.loop.call_later(self.timings.header_timeout_s, self._end)

    def _stop_timer(self) -> None:
        if self._header_timer:
            self._header_timer.cancel()

    def _end(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else it is still to answer a photo
            self.transport.close()
