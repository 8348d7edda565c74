"""A photo's way in: from a request to the bytes of the file, within bounds, and never by way of the disk."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

STALLED = 60.0
"""Seconds without a byte after which an upload is given up: its sender has lost the network, or its power."""

SLOWEST = 10_000
"""Bytes a second; a sender that is slower over all keeps a place from the others."""

LARGEST_AT_ONCE = 10
"""Uploads of the largest size that are held at once; MT Photos sends up to ten photos at a time."""

T = TypeVar("T")


class Refused(Exception):
    """The request cannot be served; `detail` tells the client why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class QueueFull(Refused):
    """There are as many photos waiting as there may be, or as many bytes of them."""

    def __init__(self, what: str) -> None:
        super().__init__(503, f"{what} already; send this photo again later")


class Uploads:
    """Takes photos in: up to `photos` at once, of up to `largest` bytes each."""

    def __init__(self, *, photos: int, largest: int) -> None:
        self._most = photos
        self._largest = largest
        self._held: dict[Request, int] = {}  # bytes: as announced, or as have come

    @asynccontextmanager
    async def photo(self, request: Request) -> AsyncIterator[bytes]:
        """The bytes of the form's field `file`, which count as held until the block ends. A URL is not a file.

        Raises:
            QueueFull: there is no room; of a body that announced its size nothing has been read.
            Refused: there is no such file, the form is malformed, or the body is larger than it may be.
        """
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise Refused(422, "send the photo as the field `file` of a multipart/form-data form")
        if len(self._held) >= self._most:
            raise QueueFull(f"{len(self._held)} photos are read or wait (OCR_QUEUE)")
        announced = request.headers.get("content-length", "")
        self._hold(request, int(announced) if announced.isdecimal() else 0)
        try:
            photo = await self._receive(request)
            self._held[request] = len(photo)
            yield photo
        finally:
            del self._held[request]

    def _hold(self, request: Request, size: int) -> None:
        if size > self._largest:
            raise Refused(413, f"the upload is larger than {self._largest / 1e6:g} MB (OCR_MAX_UPLOAD_MB)")
        others = sum(held for other, held in self._held.items() if other is not request)
        if others + size > LARGEST_AT_ONCE * self._largest:
            raise QueueFull(f"{others / 1e6:.0f} MB of photos are read or wait (10 times OCR_MAX_UPLOAD_MB)")
        self._held[request] = size

    async def _receive(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(STALLED) as limit:
                return await _file(request, self._bounded(request, limit))
        except MultiPartException as error:
            raise Refused(400, f"the form is malformed: {error.message}") from None
        except UnicodeError:  # Starlette decodes names in whatever charset the client claims
            raise Refused(400, "the form is malformed: its names are not in its charset") from None
        except ClientDisconnect:
            raise Refused(400, "the connection ended before the form did") from None
        except TimeoutError:
            raise Refused(408, f"the form came too slowly, or nothing of it for {STALLED:g} s") from None

    async def _bounded(self, request: Request, limit: asyncio.Timeout) -> AsyncGenerator[bytes, None]:
        received = 0
        clock = asyncio.get_running_loop().time
        start = clock()
        async for chunk in request.stream():
            received += len(chunk)
            limit.reschedule(min(clock() + STALLED, start + STALLED + received / SLOWEST))
            if received > self._held[request]:  # it has not announced its size
                self._hold(request, received)
            yield chunk


async def _file(request: Request, stream: AsyncGenerator[bytes, None]) -> bytes:
    parser = _FormInMemory(request.headers, stream, max_files=1, max_fields=8)
    try:
        upload = (await parser.parse()).get("file")
        if not isinstance(upload, UploadFile):
            problem = "has no field `file`" if upload is None else "has a text in its field `file`"
            raise Refused(422, f"the form {problem}; send the photo there, as a file with a file name")
        return await upload.read()
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
        del work  # its exception knows this frame: what it holds would be kept until the next garbage collection


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
