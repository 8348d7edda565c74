"""A photo's way in: from a request to the bytes of the file, within bounds, and never by way of the disk."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from api.errors import ClientGone, MalformedForm, NoPhoto, QueueFull, UploadTooLarge, UploadTooSlow

LARGEST_UPLOADS_AT_ONCE = 10
"""How many uploads of the largest size fit into the budget; MT Photos sends up to ten photos at a time."""

LATER = "send this photo again later"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timings:
    """How slow an upload may be."""

    stall_timeout_s: float = 60.0
    """An upload with no byte for this long is given up: its sender lost network or power."""
    min_bytes_per_s: float = 10_000
    """A sender that is slower on average takes a place from others."""


TIMINGS = Timings()


class UploadBudget:
    """Receives up to `max_photos` photos at once, each of up to `max_bytes`, all within LARGEST_UPLOADS_AT_ONCE."""

    def __init__(self, *, max_photos: int, max_bytes: int, timings: Timings = TIMINGS) -> None:
        self._max_photos = max_photos
        self._max_bytes = max_bytes
        self._timings = timings
        self._held: dict[Request, int] = {}  # bytes: as announced, or as received so far

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[bytes]:
        """The bytes of the form's field `file`, which count as held until the block ends. A URL is not a file.

        Raises:
            QueueFull: there is no room. If the request announced its size, nothing of its body has been read.
            RequestRefused: there is no such file, or the form is malformed, too large or too slow.
        """
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise NoPhoto("send the photo as the field `file` of a multipart/form-data form")
        if len(self._held) >= self._max_photos:
            raise QueueFull(f"{len(self._held)} photos are being read or waiting already (OCR_QUEUE); {LATER}")
        self._hold(request, announced_size(request))
        try:
            photo = await self._parse(request)
            self._held[request] = len(photo)
            yield photo
        finally:
            del self._held[request]

    def _hold(self, request: Request, size: int) -> None:
        if size > self._max_bytes:
            raise UploadTooLarge(f"the upload is larger than {self._max_bytes / 1e6:g} MB (OCR_MAX_UPLOAD_MB)")
        others = sum(held for other, held in self._held.items() if other is not request)
        if others + size > LARGEST_UPLOADS_AT_ONCE * self._max_bytes:
            held = f"{others / 1e6:.0f} MB of photos"
            raise QueueFull(f"{held} are being read or waiting already (10 times OCR_MAX_UPLOAD_MB); {LATER}")
        self._held[request] = size

    async def _parse(self, request: Request) -> bytes:
        try:
            return await _read_file(request, self._stream(request))
        except MultiPartException as error:
            raise MalformedForm(f"the form is malformed: {error.message}") from None
        except UnicodeError:  # Starlette decodes names in whatever charset the client claims
            raise MalformedForm("the form is malformed: its names are not in its charset") from None

    async def _stream(self, request: Request) -> AsyncGenerator[bytes, None]:
        received = 0
        async for chunk in stream_in_time(request, self._timings):
            received += len(chunk)
            if received > self._held[request]:  # it has not announced its size
                self._hold(request, received)
            yield chunk


def announced_size(request: Request) -> int:
    """The bytes of the body, as the request says; 0 if it does not."""
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isdecimal() else 0


async def stream_in_time(request: Request, timings: Timings = TIMINGS) -> AsyncGenerator[bytes, None]:
    """The body, chunk by chunk. Only the time spent on waiting for the client counts.

    Raises:
        UploadTooSlow: it comes too slowly, or stops coming.
        MalformedForm: the connection ends before the body does.
    """
    clock = asyncio.get_running_loop().time
    chunks = request.stream()
    received, waited = 0, 0.0
    while True:
        late_s = max(0.0, waited - received / timings.min_bytes_per_s)
        start = clock()
        try:
            async with asyncio.timeout(timings.stall_timeout_s - late_s):
                chunk = await anext(chunks, None)
        except ClientDisconnect:
            raise MalformedForm("the connection ended before the form did") from None
        except TimeoutError:
            silence = f"nothing of it for {timings.stall_timeout_s:g} s"
            raise UploadTooSlow(f"the form came too slowly, or {silence}") from None
        if chunk is None:
            return
        waited += clock() - start
        received += len(chunk)
        yield chunk


async def _read_file(request: Request, stream: AsyncGenerator[bytes, None]) -> bytes:
    parser = _FormInMemory(request.headers, stream, max_files=1, max_fields=8)
    try:
        upload = (await parser.parse()).get("file")
        if not isinstance(upload, UploadFile):
            problem = "has no field `file`" if upload is None else "has a text in its field `file`"
            raise NoPhoto(f"the form {problem}; send the photo there, as a file with a file name")
        return await upload.read()
    finally:
        parser.close()


class _FormInMemory(MultiPartParser):
    # Bytes above which Starlette moves an upload to disk. Ours are bounded, and a disk may be full.
    spool_max_size = 1 << 40

    def close(self) -> None:
        """Close the files, also if the form broke off in the middle of one."""
        for file in self._files_to_close_on_error:
            file.close()


async def wait_while_connected(
    request: Request, answer: Coroutine[Any, Any, T], body_read: asyncio.Event | None = None
) -> T:
    """Wait for an answer, but only until the client hangs up.

    If the body is still to be read, whoever does so sets `body_read` afterwards, and notices a hang-up before that.

    Raises:
        ClientGone: it did.
    """
    work = asyncio.create_task(answer)
    gone = asyncio.create_task(_wait_for_disconnect(request, body_read))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ClientGone("the client hung up")
    finally:
        work.cancel()
        gone.cancel()
        del work  # its exception refers to this frame, which would keep the photo until the next garbage collection


async def _wait_for_disconnect(request: Request, body_read: asyncio.Event | None) -> None:
    if body_read:
        await body_read.wait()
    while (await request.receive())["type"] != "http.disconnect":
        pass
