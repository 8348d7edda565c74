"""Bounds on all that a request consists of besides its body: uvicorn's protocol on httptools has none.

Without them anybody, also without a key, could have the service keep headers or trailers until there is no memory left,
or connections on which nothing comes; or have it wait for ever, when it is told to stop, for answers to be taken.
"""

import asyncio

import uvicorn.protocols.http.auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 65536  # bytes, as uvicorn's other protocol allows
LONGEST = 60.0  # seconds that a request's headers may take to come
LAST = 5.0  # seconds in which a client takes the answers that are still on their way when the service ends
TOO_MUCH = "The request line and the headers are too long."


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection when after MOST bytes no headers or piece of a body are complete, or after LONGEST no headers.

    One that waits for its next request is uvicorn's own to end.
    """

    _incomplete = 0
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._in_time()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the headers."""
        super().on_message_begin()
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        self._incomplete += len(data)
        super().data_received(data)
        if self._incomplete > MOST and not self.transport.is_closing():
            self.send_400_response(TOO_MUCH)

    def on_headers_complete(self) -> None:
        """Begin to handle the request."""
        self._incomplete = 0
        self._in_time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._incomplete = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._incomplete = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """End when the answers are out, which uvicorn would wait for without a limit."""
        super().shutdown()
        self.loop.call_later(LAST, self.transport.abort)

    def _expect_headers(self) -> None:
        self._in_time()
        self._limit = self.loop.call_later(LONGEST, self._end)

    def _in_time(self) -> None:
        if self._limit:
            self._limit.cancel()

    def _end(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else it has a photo to answer
            self.transport.close()


uvicorn.protocols.http.auto.AutoHTTPProtocol = BoundedProtocol  # uvicorn takes it from there
