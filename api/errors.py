"""How errors are answered: an exception's class gives the status, its message the body {"detail": message}."""

import functools
import http
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr.errors import OcrError, UnreadablePhoto

log = logging.getLogger("mtphotos_ocr")

HINTS = {
    404: "Not Found: there are POST /check, /ocr, /restart, /restart_v2, /clip/img, /clip/txt, "
    "GET /, /livez, /readyz, /metrics, /docs.json",
    405: "Method Not Allowed: the header Allow says which is",
    415: "Unsupported Media Type: send the photo as the field `file` of a form (multipart/form-data)",
}
RETRY_AFTER_S = 30
"""Sent with every 503: by then a full queue is half empty, and a failed start has been retried."""

UNEXPECTED = "unexpected error; the service's log has the details"

Handler = Callable[..., Awaitable[dict[str, object] | Response]]


class RequestRefused(OcrError):
    """The request cannot be served."""

    outcome = "refused"


class MalformedForm(RequestRefused):
    """The body is not a complete form."""

    http_status = 400


class UploadTooSlow(RequestRefused):
    """The form came too slowly, or stopped coming."""

    http_status = 408


class UploadTooLarge(RequestRefused):
    """The body is larger than allowed."""

    http_status = 413


class NoPhoto(RequestRefused):
    """The request has no file in the field `file`."""

    http_status = 422


class ClientGone(RequestRefused):
    """The client hung up; nobody will see this answer."""

    http_status = 499  # as nginx logs it


class QueueFull(RequestRefused):
    """The limit on waiting photos, or on their bytes, is reached."""

    http_status = 503
    outcome = "queue_full"


class Stopping(RequestRefused):
    """The service is stopping: this photo came too late, or its time ran out."""

    http_status = 503
    outcome = "stopping"


class ClipNotSet(RequestRefused):
    """There is no CLIP service to hand the request to."""

    http_status = 404
    outcome = "not_set"


class ClipRefused(RequestRefused):
    """The CLIP service says that something is wrong with the request itself."""

    http_status = 422


class ClipFailed(RequestRefused):
    """The CLIP service cannot be reached, hangs up, or answers something that is no answer."""

    http_status = 502
    outcome = "failed"


class ClipTimedOut(RequestRefused):
    """The CLIP service takes too long."""

    http_status = 504
    outcome = "timed_out"


def answer_errors(handler: Handler) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Turn what a handler returns or raises into a response that MT Photos can handle."""

    @functools.wraps(handler)
    async def answer(*args: object, **kwargs: object) -> Response:
        try:
            result = await handler(*args, **kwargs)
            return result if isinstance(result, Response) else JSONResponse(result)
        except UnreadablePhoto as error:
            log.info("unreadable: %s", error)
            return JSONResponse({"result": [], "msg": str(error)}, error.http_status)
        except OcrError as error:
            if isinstance(error, RequestRefused):  # the others were logged where they happened
                log.info("%s refused: %s", handler.__name__, error)
            return _respond(error.http_status, str(error))
        except Exception:
            log.exception("unexpected error in %s", handler.__name__)
            return _respond(500, UNEXPECTED)

    return answer


def _respond(status: int, detail: str) -> Response:
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else None
    return JSONResponse({"detail": detail}, status, headers)


class ErrorsAsJson:
    """Gives the errors that BentoML and Starlette answer themselves (404, 405, 415 ...) our shape.

    An exception that nobody caught becomes a 500: BentoML would let the client wait until its own time limit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def send_as_json(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                if message["status"] < 400:
                    await send(message)
            elif start is None or start["status"] < 400:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _reshape(start, body)(scope, receive, send)

        try:
            await self._app(scope, receive, send_as_json)
        except Exception:
            if start is not None:
                raise
            log.exception("unexpected error in %s", scope["method"])
            await _respond(500, UNEXPECTED)(scope, receive, send)


def _reshape(start: Message, body: bytes) -> Response:
    """The same error with the body {"detail": text}; its headers stay, except those that describe the old body."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not (isinstance(content, dict) and isinstance(content.get("detail"), str)):
        content = {"detail": HINTS.get(start["status"], http.HTTPStatus(start["status"]).phrase)}
    response = JSONResponse(content, start["status"])
    kept = [(name, value) for name, value in start["headers"] if not name.lower().startswith(b"content-")]
    response.raw_headers.extend(kept)
    return response
