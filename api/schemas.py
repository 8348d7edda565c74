"""MT Photos' HTTP API: what goes in and what comes out. The only place that knows its quirks.

The quirks: all numbers are strings, lines are three parallel arrays, and a photo that cannot be read is
an answer (status 200, an empty list and a `msg`), not an error.
"""

import functools
import http
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, Self, TypeVar

import bentoml
from bentoml.validators import ContentType
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.uploads import Refused
from ocr.errors import OcrError, ReadingFailed, ReadingTimedOut, RunnerUnavailable, UnreadablePhoto
from ocr.types import Reading, TextLine

log = logging.getLogger("mtphotos_ocr")

HINTS = {
    404: "Not Found: there are POST /check, /ocr, /restart, /restart_v2, GET /, /livez, /readyz, /metrics, /docs.json",
    405: "Method Not Allowed: the header Allow says which is",
    415: "Unsupported Media Type: send the photo as the field `file` of a form (multipart/form-data)",
}
LATER = {"retry-after": "30"}
"""With every 503, in seconds: a full queue is half empty by then, and what cannot be started has been tried again."""

UNEXPECTED = "unexpected error; the service's log has the details"

STATUS: dict[type[OcrError], int] = {RunnerUnavailable: 503, ReadingFailed: 500, ReadingTimedOut: 504}

P = ParamSpec("P")
S = TypeVar("S")


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


class Details(BaseModel):
    """What MT Photos does not ask for: how the photo was read. Here numbers are numbers."""

    width: int = Field(description="pixels of the upright photo")
    height: int = Field(description="pixels of the upright photo")
    polygons: list[list[tuple[float, float]]] = Field(
        description="of each line the corners, x and y in pixels of the upright photo, clockwise from the top left of "
        "the text; four, or more where a line is bent"
    )
    seconds: dict[str, float] = Field(description="by stage, as in the metric mtphotos_ocr_stage_seconds")


class OcrAnswer(bentoml.IODescriptor):
    """The answer of /ocr: the lines, or an empty list and `msg` if the photo could not be read."""

    result: Lines | Annotated[list[str], Field(max_length=0)]
    msg: str | None = Field(None, description="why the photo could not be read; only then")
    details: Details | None = Field(None, description="only if the header `Prefer: details` asks for them")


class Error(BaseModel):
    """The body of every answer with a status of 400 and above."""

    detail: str = Field(description="what is wrong, and what to do")


class Megabytes(BaseModel):
    """Resident memory, in MB of 1,000,000 bytes."""

    now: int
    peak: int

    @classmethod
    def of(cls, now: int, peak: int) -> Self:
        """From bytes."""
        return cls(now=round(now / 1e6), peak=round(peak / 1e6))


class CheckAnswer(bentoml.IODescriptor):
    """The answer of /check. MT Photos looks at `result`; the rest is for people."""

    result: str = "pass"
    title: str = "mtphotos-ocr"
    version: str
    runner: str
    model: str
    device: str = Field(description="what the runner runs on; empty while no model is loaded")
    why: str = Field(description="how OCR_RUNNER came to this runner")
    loaded: bool = Field(description="whether the model is in memory; if not, the next photo has it loaded")
    uptime: int = Field(description="seconds since the service was started")
    photos: int = Field(description="photos that were read since then")
    restarts: dict[str, int] = Field(description="why processes that held the model were replaced, ended or lost")
    memory: dict[str, Megabytes] = Field(description="of the service, and of the child process that holds the model")


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


def wants_details(headers: Mapping[str, str]) -> bool:
    """Whether a request has the preference `details` (RFC 7240): MT Photos' has not, and gets what it always got."""
    return "details" in headers.get("prefer", "").lower().replace(" ", "").split(",")


def details(reading: Reading) -> dict[str, object]:
    """What is added to the body of /ocr for who wants details."""
    width, height = reading.size
    polygons = [line.polygon.astype(float).round(2).tolist() for line in reading.lines]
    seconds = {stage: round(value, 4) for stage, value in reading.seconds.items()}
    return {"details": Details(width=width, height=height, polygons=polygons, seconds=seconds).model_dump()}


def _number(value: float) -> str:
    return str(round(value, 2) + 0.0)  # + 0.0: never "-0.0"


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
    return JSONResponse({"detail": detail}, status_code=status, headers=LATER if status == 503 else None)


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
