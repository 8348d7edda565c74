"""How much is taken in, and that nothing of it touches the disk."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from api.uploads import QueueFull, Refused, Uploads, unless_gone
from tests.fakes.kept import Noted, without_collector

SIZE = 1000


def run(use: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(use(), 10))


class Sender:
    """A client in the middle of an upload: sends what it is given, then waits; counts how often it was listened to."""

    def __init__(self, chunks: Iterable[bytes] = (), *, announced: int | None = SIZE) -> None:
        self._chunks = iter(chunks)
        self.asked = 0
        headers = {"content-type": "multipart/form-data; boundary=b"}
        headers |= {} if announced is None else {"content-length": str(announced)}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.request = Request({"type": "http", "method": "POST", "headers": raw}, self._receive)

    async def _receive(self) -> Message:
        self.asked += 1
        chunk = next(self._chunks, None)
        if chunk is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": chunk, "more_body": not (chunk or b"").endswith(b"--b--\r\n")}


def form(photo: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + photo + b"\r\n--b--\r\n"


async def begin(uploads: Uploads, sender: Sender) -> "asyncio.Task[None]":
    async def take_in() -> None:
        async with uploads.photo(sender.request):
            await asyncio.Event().wait()

    task = asyncio.create_task(take_in())
    await asyncio.sleep(0)
    return task


async def refused(uploads: Uploads, sender: Sender) -> Refused:
    with pytest.raises(Refused) as caught:
        async with uploads.photo(sender.request):
            pytest.fail("it was taken in")
    return caught.value


def test_a_photo_over_the_number_is_refused_unread_and_the_next_has_its_place() -> None:
    async def use() -> None:
        uploads = Uploads(photos=2, largest=SIZE)
        first, _ = [await begin(uploads, Sender()) for _ in range(2)]
        late = Sender()
        problem = await refused(uploads, late)
        assert isinstance(problem, QueueFull)
        assert problem.status == 503
        assert problem.detail == "2 photos are read or wait (OCR_QUEUE) already; send this photo again later"
        assert late.asked == 0
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        async with uploads.photo(Sender([form(b"photo")]).request) as photo:
            assert photo == b"photo"

    run(use)


def test_ten_of_the_largest_fit_and_one_more_is_refused_unread() -> None:
    async def use() -> None:
        uploads = Uploads(photos=100, largest=SIZE)
        for _ in range(10):
            await begin(uploads, Sender())
        late = Sender()
        problem = await refused(uploads, late)
        assert isinstance(problem, QueueFull)
        assert "0 MB of photos are read or wait (10 times OCR_MAX_UPLOAD_MB)" in problem.detail
        assert late.asked == 0

    run(use)


def test_uploads_of_unknown_size_count_with_what_has_come_of_them() -> None:
    async def use() -> None:
        uploads = Uploads(photos=100, largest=SIZE)
        begun = form(bytes(SIZE))[:500]
        waiting = [await begin(uploads, Sender([begun], announced=None)) for _ in range(20)]
        assert not any(task.done() for task in waiting)
        assert isinstance(await refused(uploads, Sender([b"-"], announced=None)), QueueFull)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        async with uploads.photo(Sender([form(b"photo")], announced=None).request) as photo:
            assert photo == b"photo"

    run(use)


def test_an_upload_of_unknown_size_counts_once_as_it_grows() -> None:
    async def use() -> None:
        uploads = Uploads(photos=100, largest=SIZE)
        for _ in range(9):
            await begin(uploads, Sender())
        whole = form(bytes(SIZE - 100))
        async with uploads.photo(Sender([whole[:500], whole[500:]], announced=None).request) as photo:
            assert len(photo) == SIZE - 100

    run(use)


def test_what_was_received_counts_with_its_true_size() -> None:
    async def use() -> None:
        uploads = Uploads(photos=100, largest=SIZE)
        for _ in range(60):
            task = await begin(uploads, Sender([form(b"small")]))
            assert not task.done()

    run(use)


def test_whatever_goes_wrong_the_room_is_free_again() -> None:
    async def use() -> None:
        uploads = Uploads(photos=1, largest=SIZE)
        for sender in (Sender([b"nonsense--b--\r\n"]), Sender([form(bytes(SIZE))]), Sender(announced=SIZE + 1)):
            assert (await refused(uploads, sender)).status in {400, 413}
        with pytest.raises(ValueError, match="from the block"):
            async with uploads.photo(Sender([form(b"photo")]).request):
                raise ValueError("from the block")
        async with uploads.photo(Sender([form(b"photo")]).request) as photo:
            assert photo == b"photo"

    run(use)


def test_a_sender_that_has_fallen_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.uploads.STALLED", 0.05)

    async def use() -> None:
        problem = await refused(Uploads(photos=1, largest=SIZE), Sender([form(b"photo")[:50]]))
        assert problem.status == 408

    run(use)


def test_a_sender_of_one_byte_at_a_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.uploads.STALLED", 0.2)

    async def use() -> None:
        sender = Sender([bytes([byte]) for byte in form(bytes(500))])
        receive = sender.request.receive

        async def slowly() -> Message:
            await asyncio.sleep(0.01)
            return await receive()

        sender.request = Request(sender.request.scope, slowly)
        assert (await refused(Uploads(photos=1, largest=SIZE), sender)).status == 408

    run(use)


def test_a_full_disk_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))  # no temporary file can be made

    async def use() -> None:
        large = bytes(5_000_000)
        async with Uploads(photos=1, largest=10**7).photo(Sender([form(large)]).request) as photo:
            assert photo == large

    run(use)


def test_what_failed_is_kept_by_nobody() -> None:
    async def fail(held: Noted) -> None:
        await asyncio.sleep(0)
        raise ValueError(len(held))

    async def use() -> None:
        freed = Noted.freed
        with pytest.raises(ValueError, match="5"):
            await unless_gone(Sender().request, fail(Noted(b"photo")))
        await asyncio.sleep(0)
        assert Noted.freed == freed + 1

    with without_collector():
        run(use)
