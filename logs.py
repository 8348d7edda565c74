"""The log: one line per request, without text and without key."""

import logging
import sys
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("mtphotos_ocr")

FORMAT = {"format": "%(asctime)s %(levelname)s %(name)s %(message)s", "datefmt": "%Y-%m-%dT%H:%M:%S%z"}
QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Polled every few seconds: not worth a line."""


def configure() -> None:
    """Send our own log to standard output, as BentoML does with its own."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(FORMAT["format"], FORMAT["datefmt"]))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


class RequestLog:
    """Logs status, seconds, bytes received and, for /ocr, the number of lines of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status, received = 0, 0
        state = scope.setdefault("state", {})

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def watching(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, counting, watching)
        finally:
            lines = f" lines={state['lines']}" if "lines" in state else ""
            seconds = time.perf_counter() - start
            log.info(
                "%s %s %d %.3fs bytes=%d%s",
                *(scope["method"], _printable(scope["path"]), status, seconds, received, lines),
            )


def _printable(path: str) -> str:
    return ascii(path)[1:-1][:200]  # a path is the client's to choose: no line breaks, no escape sequences
