"""What uvicorn's protocol on httptools lacks for clients that HTTP allows to do as they do.

Java's HttpClient and `curl --http2` offer HTTP/2 with each request. A server may ignore that (RFC 9110, 7.8); uvicorn's
protocol goes on in HTTP/1.1 too, but without the body.
"""

from asyncio import Transport
from typing import Any

import httptools

from api.connection_limits import BoundedProtocol


class ForgivingProtocol(BoundedProtocol):
    """Ignores offers of other protocols."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.parser = _Parser(self)  # type: ignore[assignment] # it delegates

    def _should_upgrade(self) -> bool:
        """Have uvicorn leave an offer to _Parser. CONNECT is none, and is refused."""
        return self.parser.get_method() != b"CONNECT"

    def make_head(self) -> bytes:
        """The head of the last request, without its offer."""
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%s: %s" % field for field in self.headers if field[0] != b"upgrade"]
        return b"\r\n".join([first, *fields, b"\r\n"])


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
