"""How much is taken in, and that nothing of it touches the disk."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from api.errors import ClientGone, MalformedForm, QueueFull, RequestRefused, UploadTooLarge, UploadTooSlow
from api.uploads import Timings, UploadBudget, wait_while_connected
from tests.fakes.kept import Noted, without_collector
from tests.fakes.waiting import run_to_its_end

SIZE = 1000


def run(use: Callable[[], Coroutine[object, object, None]]) -> None:
    run_to_its_end(use())


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


async def begin(uploads: UploadBudget, sender: Sender) -> "asyncio.Task[None]":
    async def take_in() -> None:
        async with uploads.receive(sender.request):
            await asyncio.Event().wait()

    task = asyncio.create_task(take_in())
    await asyncio.sleep(0)
    return task


async def refused(uploads: UploadBudget, sender: Sender) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        async with uploads.receive(sender.request):
            pytest.fail("it was taken in")
    return caught.value


def test_a_photo_over_the_number_is_refused_unread_and_the_next_has_its_place() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=2, max_bytes=SIZE)
        first, _ = [await begin(uploads, Sender()) for _ in range(2)]
        late = Sender()
        problem = await refused(uploads, late)
        assert isinstance(problem, QueueFull)
        assert str(problem) == "2 photos are being read or waiting already (OCR_QUEUE); send this photo again later"
        assert late.asked == 0
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        async with uploads.receive(Sender([form(b"photo")]).request) as photo:
            assert photo == b"photo"

    run(use)


def test_ten_of_the_largest_fit_and_one_more_is_refused_unread() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=100, max_bytes=SIZE)
        for _ in range(10):
            await begin(uploads, Sender())
        late = Sender()
        problem = await refused(uploads, late)
        assert isinstance(problem, QueueFull)
        assert "0 MB of photos are being read or waiting already (10 times OCR_MAX_UPLOAD_MB)" in str(problem)
        assert late.asked == 0

    run(use)


def test_uploads_of_unknown_size_count_with_what_has_come_of_them() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=100, max_bytes=SIZE)
        begun = form(bytes(SIZE))[:500]
        waiting = [await begin(uploads, Sender([begun], announced=None)) for _ in range(20)]
        assert not any(task.done() for task in waiting)
        assert isinstance(await refused(uploads, Sender([b"-"], announced=None)), QueueFull)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        async with uploads.receive(Sender([form(b"photo")], announced=None).request) as photo:
            assert photo == b"photo"

    run(use)


def test_an_upload_of_unknown_size_counts_once_as_it_grows() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=100, max_bytes=SIZE)
        for _ in range(9):
            await begin(uploads, Sender())
        whole = form(bytes(SIZE - 100))
        async with uploads.receive(Sender([whole[:500], whole[500:]], announced=None).request) as photo:
            assert len(photo) == SIZE - 100

    run(use)


def test_what_was_received_counts_with_its_true_size() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=100, max_bytes=SIZE)
        for _ in range(60):
            task = await begin(uploads, Sender([form(b"small")]))
            assert not task.done()

    run(use)


def test_whatever_goes_wrong_the_room_is_free_again() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=1, max_bytes=SIZE)
        for sender in (Sender([b"nonsense--b--\r\n"]), Sender([form(bytes(SIZE))]), Sender(announced=SIZE + 1)):
            assert isinstance(await refused(uploads, sender), MalformedForm | UploadTooLarge)
        with pytest.raises(ValueError, match="from the block"):
            async with uploads.receive(Sender([form(b"photo")]).request):
                raise ValueError("from the block")
        async with uploads.receive(Sender([form(b"photo")]).request) as photo:
            assert photo == b"photo"

    run(use)


def test_a_sender_that_has_fallen_silent_is_given_up() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=1, max_bytes=SIZE, timings=Timings(stall_timeout_s=0.05))
        assert isinstance(await refused(uploads, Sender([form(b"photo")[:50]])), UploadTooSlow)

    run(use)


def test_a_sender_of_one_byte_at_a_time_is_given_up() -> None:
    async def use() -> None:
        uploads = UploadBudget(max_photos=1, max_bytes=SIZE, timings=Timings(stall_timeout_s=1))
        sender = Sender([bytes([byte]) for byte in form(bytes(500))])
        receive = sender.request.receive

        async def receive_slowly() -> Message:
            await asyncio.sleep(0.01)  # far below the stall timeout: only the rate is too low
            return await receive()

        sender.request = Request(sender.request.scope, receive_slowly)
        assert isinstance(await refused(uploads, sender), UploadTooSlow)
        assert 5 < sender.asked < 300  # of about 580 bytes: not only when no more came

    run(use)


def test_a_full_disk_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))  # no temporary file can be made

    async def use() -> None:
        large = bytes(5_000_000)
        async with UploadBudget(max_photos=1, max_bytes=10**7).receive(Sender([form(large)]).request) as photo:
            assert photo == large

    run(use)


def test_a_client_that_hangs_up_ends_the_work() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def hang_up() -> Message:
        await asyncio.sleep(0)  # the work begins
        return {"type": "http.disconnect"}

    async def use() -> None:
        with pytest.raises(ClientGone):
            await wait_while_connected(Request({"type": "http"}, hang_up), work())
        await ended.wait()

    run(use)


def test_what_failed_is_kept_by_nobody() -> None:
    async def fail(held: Noted) -> None:
        await asyncio.sleep(0)
        raise ValueError(len(held))

    async def use() -> None:
        freed = Noted.freed
        with pytest.raises(ValueError, match="5"):
            await wait_while_connected(Sender().request, fail(Noted(b"photo")))
        await asyncio.sleep(0)
        assert Noted.freed == freed + 1

    with without_collector():
        run(use)
