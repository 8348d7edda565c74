"""What uvicorn's protocol on httptools lacks for clients that HTTP allows to do as they do.

- Java's HttpClient and `curl --http2` offer HTTP/2 with each request. A server may ignore that (RFC 9110, 7.8);
  uvicorn's protocol goes on in HTTP/1.1 too, but without the body.
- A client may close its own direction when it has sent all, and wait for the answer. uvicorn takes it for gone.
"""

import socket
from asyncio import Transport
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.connection_limits import BoundedProtocol

ANSWER_START = b"HTTP/1.1 "
"""What uvicorn begins each answer with, whatever its status."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 5.0
"""Between looks whether a client that has half-closed is still there; each pause is twice as long as the last."""


class ForgivingProtocol(BoundedProtocol):
    """Ignores offers of other protocols, and answers a client that has half-closed unless it is gone."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.parser = _Parser(self)  # type: ignore[assignment] # it delegates

    def _should_upgrade(self) -> bool:
        """Have uvicorn leave an offer to _Parser. The parser takes CONNECT for one too: that is a malformed request."""
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("this is no proxy")
        return True

    def make_head(self) -> bytes:
        """The head of the last request, without its offer."""
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%s: %s" % field for field in self.headers if field[0] != b"upgrade"]
        return b"\r\n".join([first, *fields, b"\r\n"])

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's says no by returning nothing
        """Whether the connection stays open: if a whole request is still to be answered.

        The client has half-closed, or has hung up: both look alike until something is sent to it.
        """
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete or self.scheme == "https":  # TLS has no halves
            return False
        cycle.keep_alive = False
        if not (cycle.response_started or self.pipeline):
            cycle.transport = early = _BegunAnswer(self.transport)  # type: ignore[assignment] # it delegates
            self._probe(cycle, early, FIRST_PAUSE_S)
        return True

    def _probe(self, cycle: RequestResponseCycle, early: "_BegunAnswer", pause_s: float) -> None:
        """Send a client the answer's next byte: if it is gone, its system refuses that, and the photo is let go.

        Byte by byte, since a proxy in between takes the first ones of a connection that is gone behind it.
        """
        if cycle.response_started or self.transport.is_closing():
            return
        # nobody reads from the connection any more, so the event loop does not notice
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
            return
        early.send_byte()
        self.loop.call_later(pause_s, self._probe, cycle, early, min(2 * pause_s, LONGEST_PAUSE_S))


class _Parser:
    """httptools' parser, which reads a request with an offer once more without it; alone, it would skip its body."""

    def __init__(self, protocol: ForgivingProtocol) -> None:
        self._protocol = protocol
        self._parser = self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def _make(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self._protocol)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        return parser

    def feed_data(self, data: bytes) -> None:
        """Parse what came."""
        rest = memoryview(data)
        while rest:
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                head, rest = self._protocol.make_head(), rest[offer.args[0] :]
                self._parser = self._make()  # the other one may have been told that the connection ends
                self._parser.feed_data(head)
            else:
                return


class _BegunAnswer:
    """A transport on which an answer begins before it is known."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._sent = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def send_byte(self) -> None:
        """Send one more byte of the answer's start, while there is one."""
        self._transport.write(ANSWER_START[self._sent : self._sent + 1])
        self._sent = min(self._sent + 1, len(ANSWER_START))

    def write(self, data: bytes) -> None:
        """Send the answer: of its start what was not sent yet, then the rest."""
        self._transport.write(data[self._sent :])
        self._sent = 0
