"""CLIP search by way of this service: MT Photos has one address for text recognition and for CLIP.

What it asks of CLIP goes to the service that CLIP_API_URL names, on fixed paths, and nowhere else: no redirect is
followed, no proxy of the environment is used. Nothing is kept: photos pass chunk by chunk.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal

import httpx
from starlette.requests import Request
from starlette.responses import Response

from api.errors import ClipFailed, ClipNotSet, ClipRefused, ClipTimedOut, QueueFull, UploadTooLarge
from api.uploads import LATER, announced_size, stream_in_time, wait_while_connected
from logs import log
from ocr.errors import OcrError

MAX_ANSWER_BYTES = 1_000_000
"""A vector has some 1,000 numbers of 20 characters."""
CONNECT_TIMEOUT_S = 5.0
PROBE_TIMEOUT_S = 10.0
PROBE_INTERVAL_S = 60.0
OWN_NAME = "mtphotos-ocr"

NOT_SET = "CLIP search is not part of this service: set CLIP_API_URL to the address of the one that does it"
LOOP = "CLIP_API_URL leads back to this service: set it to the address of the one that does CLIP search"
REFUSED_KEY = "the service at CLIP_API_URL refuses the key: set CLIP_API_KEY to the key of that service"

Route = Literal["img", "txt"]
State = Literal["answers", "does not answer", "not set"]
STATES: tuple[State, ...] = ("answers", "does not answer", "not set")


@dataclass(frozen=True, slots=True)
class ClipService:
    """Where the CLIP service is, if there is one, and its key."""

    url: str | None
    key: str = field(repr=False)
    pass_restart: bool = False
    """Whether restarts are passed on to it."""


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """Bounds on what is handed on."""

    max_requests: int
    """At the same time."""
    max_bytes: int
    """Of one request."""
    timeout_s: float
    """For the CLIP service to take a request in and to answer it; what the client takes for its upload is not in it."""


class ClipProxy:
    """Hands requests on to the CLIP service."""

    def __init__(self, service: ClipService, limits: ClipLimits) -> None:
        self._service = service
        self._limits = limits
        self._client = httpx.AsyncClient(
            base_url=service.url or "",
            headers=[
                (b"api-key", service.key.encode()),
                (b"accept-encoding", b"identity"),  # so that the bound on an answer's bytes holds
                (b"connection", b"close"),  # one that is kept may be closed while the next request is on its way
                (b"via", f"1.1 {OWN_NAME}".encode()),
            ],
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # no request knows another
        self._open = 0
        self._problem: str | None = "it was not asked yet"
        self._next_probe = 0.0
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def forward(self, request: Request, route: Route) -> Response:
        """The CLIP service's answer to a request.

        Raises:
            RequestRefused: there is no such service, it does not answer as it should, or the request is too large, too
                slow or one too many; its client may also have hung up.
        """
        if self._service.url is None:
            raise ClipNotSet(NOT_SET)
        if OWN_NAME in request.headers.get("via", ""):
            raise ClipFailed(LOOP)
        if self._open >= self._limits.max_requests:
            raise QueueFull(f"{self._open} requests wait for the CLIP service already (OCR_QUEUE); {LATER}")
        self._check_size(announced_size(request))
        self._open += 1
        try:
            body_read = asyncio.Event()
            body = await wait_while_connected(request, self._exchange(request, route, body_read), body_read)
        except (ClipFailed, ClipTimedOut) as error:
            self._note(str(error))
            raise
        finally:
            self._open -= 1
        self._note(None)
        return Response(body, media_type="application/json")

    def _check_size(self, size: int) -> None:
        if size > self._limits.max_bytes:
            raise UploadTooLarge(f"the upload is larger than {self._limits.max_bytes / 1e6:g} MB (OCR_MAX_UPLOAD_MB)")

    async def _exchange(self, request: Request, route: Route, body_read: asyncio.Event) -> bytes:
        names = {b"content-type"} if "transfer-encoding" in request.headers else {b"content-type", b"content-length"}
        headers = [(name, value) for name, value in request.headers.raw if name in names]
        async with (
            _bound(self._limits.timeout_s, " (OCR_TIMEOUT)") as limit,
            aclosing(self._stream(request, limit, body_read)) as chunks,
            self._client.stream("POST", f"/clip/{route}", headers=headers, content=chunks) as answer,
        ):
            return await _read(answer)

    async def _stream(
        self, request: Request, limit: asyncio.Timeout, body_read: asyncio.Event
    ) -> AsyncGenerator[bytes, None]:
        clock = asyncio.get_running_loop().time
        end = limit.when() or clock()
        received = 0
        chunks = stream_in_time(request)
        while True:
            left = end - clock()
            limit.reschedule(None)  # while the client is waited for
            chunk = await anext(chunks, None)
            end = clock() + left
            limit.reschedule(end)
            if chunk is None:
                body_read.set()
                return
            received += len(chunk)
            self._check_size(received)
            yield chunk

    def state(self) -> State:
        """Whether the CLIP service answers, as known so far; asks it again, at most once a minute, without waiting."""
        if self._service.url is None:
            return "not set"
        now = asyncio.get_running_loop().time()
        if now >= self._next_probe:
            self._next_probe = now + PROBE_INTERVAL_S
            self._begin("probe", self._probe())
        return "does not answer" if self._problem else "answers"

    def restart(self, path: Literal["/restart", "/restart_v2"]) -> None:
        """Pass a restart on in the background, if that is wished."""
        if self._service.url is not None and self._service.pass_restart:
            self._begin("restart", self._post_restart(path))

    async def close(self) -> None:
        """End what is going on in the background, and the connections."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._client.aclose()

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do work in the background, unless the same is being done; what it logs belongs to no request."""
        before = self._tasks.get(name)
        if before and not before.done():
            work.close()
        else:
            self._tasks[name] = asyncio.get_running_loop().create_task(work, context=Context())

    async def _probe(self) -> None:
        try:
            async with _bound(PROBE_TIMEOUT_S), self._client.stream("POST", "/check") as answer:
                title = json.loads(await _read(answer)).get("title")
        except OcrError as error:
            self._note(str(error))
        else:
            self._note(LOOP if title == OWN_NAME else None)

    async def _post_restart(self, path: str) -> None:
        try:
            async with _bound(PROBE_TIMEOUT_S), self._client.stream("POST", path) as answer:
                await _read(answer)
        except OcrError as error:  # it may restart without an answer
            log.info("%s was passed on to the CLIP service: %s", path, error)
        else:
            log.info("%s was passed on to the CLIP service", path)

    def _note(self, problem: str | None) -> None:
        if problem != self._problem:
            log.info("CLIP search: %s", problem or "the service at CLIP_API_URL answers")
        self._problem = problem


@asynccontextmanager
async def _bound(seconds: float, setting: str = "") -> AsyncGenerator[asyncio.Timeout, None]:
    """Bound an exchange with the CLIP service, and turn what can go wrong in one into our errors."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError:
        raise ClipTimedOut(f"the service at CLIP_API_URL does not answer within {seconds:g} s{setting}") from None
    except httpx.ConnectTimeout:
        raise ClipTimedOut(f"the service at CLIP_API_URL cannot be reached within {CONNECT_TIMEOUT_S:g} s") from None
    except httpx.ConnectError:
        raise ClipFailed(
            "the service at CLIP_API_URL cannot be reached: does it run, and is that its address?"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ClipFailed("the service at CLIP_API_URL hangs up without an answer; its log may say why") from None


async def _read(answer: httpx.Response) -> bytes:
    """The body of an answer with status 200, which is a JSON object.

    Raises:
        ClipFailed, ClipRefused: it is not.
    """
    if answer.status_code != 200:
        raise _explain(answer.status_code)
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ClipFailed("the service at CLIP_API_URL answers more than 1 MB, as no CLIP service does")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ClipFailed("the service at CLIP_API_URL does not answer in JSON: is that a CLIP service?")
    return bytes(body)


def _explain(status: int) -> ClipFailed | ClipRefused:
    match status:
        case 401 | 403:
            return ClipFailed(REFUSED_KEY)
        case 404 | 405:
            return ClipFailed(f"the service at CLIP_API_URL has no CLIP (status {status}): is that its address, alone?")
        case 400 | 413 | 415 | 422:
            return ClipRefused(f"the service at CLIP_API_URL cannot use this request (status {status})")
        case _ if 300 <= status < 400:
            return ClipFailed("the service at CLIP_API_URL has moved: set CLIP_API_URL to its new address")
        case _:
            return ClipFailed(f"the service at CLIP_API_URL failed (status {status}); its log may say why")
