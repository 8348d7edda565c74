"""A bound on all that a request consists of besides its body: uvicorn's protocol on httptools has none.

Without it anybody, also without a key, could have the service keep headers or trailers until there is no memory left.
"""

import uvicorn.protocols.http.auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 65536  # bytes, as uvicorn's other protocol allows
TOO_MUCH = "The request line and the headers are too long."


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection on which more than MOST bytes came without headers or a piece of a body being complete."""

    _incomplete = 0

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        self._incomplete += len(data)
        super().data_received(data)
        if self._incomplete > MOST and not self.transport.is_closing():
            self.send_400_response(TOO_MUCH)

    def on_headers_complete(self) -> None:
        """Begin to handle the request."""
        self._incomplete = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._incomplete = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._incomplete = 0
        super().on_message_complete()


uvicorn.protocols.http.auto.AutoHTTPProtocol = BoundedProtocol  # uvicorn takes it from there
