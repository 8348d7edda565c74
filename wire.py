"""MT Photos' HTTP API: form in, JSON out. The only place that knows its quirks.

The quirks: all numbers are strings, lines are three parallel arrays, and a photo that cannot be read is
an answer (status 200, an empty list and a `msg`), not an error.
"""

import asyncio
import functools
import http
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, Self, TypeVar

import bentoml
from bentoml.validators import ContentType
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr.errors import OcrError, ReadingFailed, ReadingTimedOut, RunnerUnavailable, UnreadablePhoto
from ocr.types import TextLine

log = logging.getLogger("mtphotos_ocr")

HINTS = {
    404: "Not Found: there are POST /check, /ocr and /restart, GET /, /livez, /readyz, /metrics and /docs.json",
    405: "Method Not Allowed: the header Allow says which is",
}
UNEXPECTED = "unexpected error; the service's log has the details"

STATUS: dict[type[OcrError], int] = {RunnerUnavailable: 503, ReadingFailed: 500, ReadingTimedOut: 504}

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


class Refused(Exception):
    """The request cannot be served; `detail` tells the client why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class _Unparsed(bentoml.IODescriptor):
    """An input that BentoML describes but does not parse.

    Its own file fields fetch a URL that is sent in place of a file, and turn malformed forms into 500s.
    """

    @classmethod
    async def from_http_request(cls, request: Request, serde: object) -> Self:  # noqa: ARG003
        return cls.model_construct(**dict.fromkeys(cls.model_fields, request))


class NoInput(_Unparsed):
    """Whatever is sent along is ignored."""


class OcrForm(_Unparsed):
    """The form of /ocr."""

    file: Annotated[Path, ContentType("image/*")] = Field(description="the photo, in any common format")


class Box(BaseModel):
    """An upright rectangle in pixels of the upright photo, from its top left corner: "12.0"."""

    x: str
    y: str
    width: str
    height: str


class Lines(BaseModel):
    """The lines in reading order, as three parallel arrays; scores are 0-1: "0.98"."""

    texts: list[str]
    scores: list[str]
    boxes: list[Box]


class OcrAnswer(bentoml.IODescriptor):
    """The answer of /ocr: the lines, or an empty list and `msg` if the photo could not be read."""

    result: Lines | Annotated[list[str], Field(max_length=0)]
    msg: str | None = Field(None, description="why the photo could not be read; only then")


class Error(BaseModel):
    """The body of every answer with a status of 400 and above."""

    detail: str = Field(description="what is wrong, and what to do")


class CheckAnswer(bentoml.IODescriptor):
    """The answer of /check."""

    result: str = "pass"
    title: str = "mtphotos-ocr"
    version: str
    runner: str
    model: str
    device: str = Field(description="what the runner runs on; empty while no model is loaded")
    why: str = Field(description="how OCR_RUNNER came to this runner")


class RestartAnswer(bentoml.IODescriptor):
    """The answer of /restart."""

    result: str = "pass"


def lines_answer(lines: Sequence[TextLine]) -> dict[str, object]:
    """The body of /ocr for a photo that was read."""
    result = Lines(
        texts=[line.text for line in lines],
        scores=[f"{line.score:.2f}" for line in lines],
        boxes=[Box(**dict(zip(Box.model_fields, map(_number, line.box), strict=True))) for line in lines],
    )
    return {"result": result.model_dump()}


def _number(value: float) -> str:
    return str(round(value, 2) + 0.0)  # + 0.0: never "-0.0"


async def photo(request: Request, *, max_bytes: int) -> bytes:
    """The bytes of the form's field `file`; nothing is written to disk, and a URL is not a file.

    Raises:
        Refused: there is no such file, the form is malformed, or the body is larger than `max_bytes`.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(422, "send the photo as the field `file` of a multipart/form-data form")
    stream = _bounded(request, max_bytes)
    parser = _FormInMemory(request.headers, stream, max_files=1, max_fields=8)
    try:
        upload = (await parser.parse()).get("file")
        if not isinstance(upload, UploadFile):
            problem = "has no field `file`" if upload is None else "has a text in its field `file`"
            raise Refused(422, f"the form {problem}; send the photo there, as a file with a file name")
        return await upload.read()
    except MultiPartException as error:
        raise Refused(400, f"the form is malformed: {error.message}") from None
    except UnicodeError:  # Starlette decodes names in whatever charset the client claims
        raise Refused(400, "the form is malformed: its names are not in its charset") from None
    except ClientDisconnect:
        raise Refused(400, "the connection ended before the form did") from None
    finally:
        parser.close()


class _FormInMemory(MultiPartParser):
    spool_max_size = 1 << 40  # bytes; above it Starlette moves an upload to disk: ours are bounded, a disk may be full

    def close(self) -> None:
        """Close the files, also of a form that broke off in the middle of one."""
        for file in self._files_to_close_on_error:
            file.close()


async def unless_gone(request: Request, waited_for: Coroutine[Any, Any, T]) -> T:
    """Wait for a result, but stop waiting when the client hangs up.

    Raises:
        Refused: it did; nobody will see that answer.
    """
    work = asyncio.create_task(waited_for)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise Refused(499, "the client hung up")
    finally:
        work.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    too_large = Refused(413, f"the upload is larger than {max_bytes / 1e6:g} MB (OCR_MAX_UPLOAD_MB)")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise too_large
        yield chunk


def answers(
    handler: Callable[Concatenate[S, P], Awaitable[dict[str, object]]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, Response]]:
    """Turn what a handler returns or raises into the response that MT Photos copes with."""

    @functools.wraps(handler)
    async def answering(self: S, *args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return JSONResponse(await handler(self, *args, **kwargs))
        except UnreadablePhoto as error:
            log.info("unreadable: %s", error)
            return JSONResponse({"result": [], "msg": str(error)})
        except Refused as error:
            log.info("%s refused: %s", handler.__name__, error.detail)
            return _error(error.status, error.detail)
        except (RunnerUnavailable, ReadingFailed, ReadingTimedOut) as error:
            return _error(STATUS[type(error)], str(error))
        except Exception:
            log.exception("unexpected error in %s", handler.__name__)
            return _error(500, UNEXPECTED)

    return answering  # type: ignore[return-value] # functools.wraps forgets that self is positional


def _error(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status)


class ErrorsAsJson:
    """Gives the errors that BentoML and Starlette answer themselves (404, 405, 415 ...) our shape.

    An exception that nobody caught becomes a 500: BentoML would let the client wait for its time limit.
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
                    await _in_our_shape(start, body)(scope, receive, send)

        try:
            await self._app(scope, receive, send_as_json)
        except Exception:
            if start is not None:
                raise
            log.exception("unexpected error in %s", scope["method"])
            await _error(500, UNEXPECTED)(scope, receive, send)


def _in_our_shape(start: Message, body: bytes) -> Response:
    """An error response with the body {"detail": text}, its headers kept but for those of the old body."""
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
