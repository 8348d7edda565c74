"""The access log: one line per request, and the id by which its other lines are found."""

import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logs import escape, log, request_id

QUIET_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""Polled every few seconds, so not worth a line."""


class AccessLog:
    """Logs each request's status, seconds, bytes received and, for /ocr, number of lines.

    The id of a request is its header X-Request-ID if that consists of up to 64 letters, digits, dots, hyphens and
    underscores, else a random one. The answer carries it in the same header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status, received = 0, 0
        state = scope.setdefault("state", {})
        sent_id = Headers(scope=scope).get("x-request-id", "")
        own_id = sent_id if re.fullmatch(r"[\w.-]{1,64}", sent_id, re.ASCII) else uuid.uuid4().hex
        request_id.set(own_id)

        async def count_received() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = own_id
            await send(message)

        try:
            await self._app(scope, count_received, note_status)
        finally:
            if scope["path"] not in QUIET_PATHS:
                lines = f" lines={state['lines']}" if "lines" in state else ""
                seconds = time.perf_counter() - start
                what = scope["method"], escape(scope["path"])[:200]
                log.info("%s %s %d %.3fs bytes=%d%s", *what, status, seconds, received, lines)
