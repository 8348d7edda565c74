"""What is handed on to the CLIP service, and what becomes of it when that misbehaves."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import pytest
from starlette.requests import Request
from starlette.types import Message

import logs
from api.clip_proxy import ClipLimits, ClipProxy, ClipService
from api.errors import (
    ClientGone,
    ClipFailed,
    ClipNotSet,
    ClipRefused,
    ClipTimedOut,
    MalformedForm,
    QueueFull,
    RequestRefused,
    UploadTooLarge,
)
from tests.fakes.clip import VECTOR, FakeClip, clip_service
from tests.fakes.served import free_port
from tests.fakes.waiting import wait_until

KEY = "the key of CLIP"
LIMITS = ClipLimits(max_requests=2, max_bytes=30_000_000, timeout_s=30)


class Client:
    """Sends a body in pieces; then it stays, or hangs up."""

    def __init__(
        self, pieces: Iterable[bytes], headers: Mapping[str, str] | None = None, *, stays: bool = True
    ) -> None:
        self._pieces = iter([*pieces, b""])
        self._stays = stays
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.request = Request({"type": "http", "method": "POST", "headers": raw}, self._receive)
        self.hang_up = asyncio.Event()
        self.asked = 0

    async def _receive(self) -> Message:
        self.asked += 1
        piece = next(self._pieces, None)
        if piece is None or (not piece and not self._stays):
            if self._stays:
                await self.hang_up.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}


@pytest.fixture
def fake() -> Iterator[FakeClip]:
    with clip_service(KEY) as running:
        yield running


def run(
    url: str | None, use: Callable[[ClipProxy], Awaitable[None]], key: str = KEY, limits: ClipLimits = LIMITS
) -> None:
    """Use a proxy in front of the service at `url`."""

    async def within() -> None:
        proxy = ClipProxy(ClipService(url, key, pass_restart=True), limits)
        try:
            await asyncio.wait_for(use(proxy), 30)
        finally:
            await proxy.close()

    asyncio.run(within())


def refused(
    url: str | None,
    client: Callable[[], Client] = lambda: Client([b"photo"]),
    key: str = KEY,
    limits: ClipLimits = LIMITS,
) -> RequestRefused:
    """How a request is refused."""
    problems: list[RequestRefused] = []

    async def use(proxy: ClipProxy) -> None:
        with pytest.raises(RequestRefused) as caught:
            await proxy.forward(client().request, "img")
        problems.append(caught.value)

    run(url, use, key, limits)
    return problems[0]


@pytest.mark.parametrize("route", ["img", "txt"])
@pytest.mark.parametrize("size", ["announced", "in chunks"])
def test_a_request_arrives_whole_and_its_answer_comes_back_as_it_is(fake: FakeClip, route: str, size: str) -> None:
    body = [bytes([index % 256]) * 1000 for index in range(300)]

    async def use(proxy: ClipProxy) -> None:
        length = {"content-length": "300000"} if size == "announced" else {"transfer-encoding": "chunked"}
        client = Client(body, {"content-type": "multipart/form-data; boundary=b"} | length)
        answer = await proxy.forward(client.request, route)  # type: ignore[arg-type]
        assert (answer.status_code, answer.body, answer.media_type) == (200, VECTOR, "application/json")

    run(fake.url, use)
    (asked,) = fake.asked
    assert (asked.path, asked.body) == (f"/clip/{route}", b"".join(body))
    assert asked.headers["content-type"] == "multipart/form-data; boundary=b"
    assert ("content-length" in asked.headers) == (size == "announced")


def test_only_what_describes_the_body_is_passed_and_never_the_keys_or_cookies_of_anyone(fake: FakeClip) -> None:
    fake.manner = "sets a cookie"

    async def use(proxy: ClipProxy) -> None:
        for _ in range(2):
            keys = {"api-key": "ours", "authorization": "Bearer ours", "cookie": "c=d"}
            hops = {"connection": "upgrade", "upgrade": "h2c", "te": "trailers", "expect": "100-continue"}
            answer = await proxy.forward(Client([b"photo"], keys | hops | {"x-more": "1"}).request, "img")
            assert set(answer.headers) == {"content-type", "content-length"}

    run(fake.url, use)
    for asked in fake.asked:
        assert asked.headers.get_all("api-key") == [KEY]
        assert asked.headers["connection"] == "close"
        assert not {"authorization", "cookie", "expect", "upgrade", "te", "x-more"} & {
            name.lower() for name in asked.headers
        }


def test_a_boundary_that_is_not_ascii_passes_too(fake: FakeClip) -> None:
    async def use(proxy: ClipProxy) -> None:
        client = Client([b"photo"], {"content-type": "multipart/form-data; boundary=\u56fe"})
        assert (await proxy.forward(client.request, "img")).body == VECTOR

    run(fake.url, use)
    assert fake.asked[0].headers["content-type"].encode("latin-1").endswith("boundary=\u56fe".encode())


def test_the_key_is_not_in_what_is_printed_of_a_service() -> None:
    assert KEY not in repr(ClipService("http://nas:8060", KEY))


def test_a_proxy_of_the_environment_is_not_used(fake: FakeClip, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")

    async def use(proxy: ClipProxy) -> None:
        assert (await proxy.forward(Client([b"photo"]).request, "img")).body == VECTOR

    run(fake.url, use)


@pytest.mark.parametrize("size", ["announced", "in chunks"])
def test_20_mb_pass_and_more_than_allowed_does_not(fake: FakeClip, size: str) -> None:
    def client() -> Client:
        return Client([bytes(1_000_000)] * 20, {"content-length": "20000000"} if size == "announced" else {})

    async def use(proxy: ClipProxy) -> None:
        await proxy.forward(client().request, "img")

    run(fake.url, use)
    assert len(fake.asked[0].body) == 20_000_000
    problem = refused(fake.url, client, limits=replace(LIMITS, max_bytes=19_500_000))
    assert isinstance(problem, UploadTooLarge)
    assert len(fake.paths()) == 1


def test_what_is_announced_too_large_or_one_too_many_is_not_even_begun(fake: FakeClip) -> None:
    fake.manner = "is slow"

    async def use(proxy: ClipProxy) -> None:
        large = Client([b"photo"], {"content-length": "30000001"})
        with pytest.raises(UploadTooLarge):
            await proxy.forward(large.request, "img")
        waiting = [asyncio.create_task(proxy.forward(Client([b"photo"]).request, "img")) for _ in range(2)]
        await asyncio.sleep(0)
        late = Client([b"photo"])
        with pytest.raises(QueueFull, match="OCR_QUEUE"):
            await proxy.forward(late.request, "img")
        assert large.asked == late.asked == 0
        fake.release.set()
        assert {bytes(answer.body) for answer in await asyncio.gather(*waiting)} == {VECTOR}
        await proxy.forward(Client([b"photo"]).request, "img")  # there is room again

    run(fake.url, use)


@pytest.mark.parametrize(
    ("manner", "kind", "says"),
    [
        ("500", ClipFailed, "failed (status 500)"),
        ("503", ClipFailed, "failed (status 503)"),
        ("204", ClipFailed, "failed (status 204)"),
        ("404", ClipFailed, "has no CLIP (status 404)"),
        ("422", ClipRefused, "cannot use this request (status 422)"),
        ("redirects", ClipFailed, "has moved"),
        ("hangs up", ClipFailed, "hangs up"),
        ("hangs up at once", ClipFailed, "hangs up"),
        ("hangs up half way", ClipFailed, "hangs up"),
        ("answers 20 MB", ClipFailed, "more than 1 MB"),
        ("answers a page", ClipFailed, "not answer in JSON"),
    ],
)
def test_an_answer_that_is_none_is_an_error_that_names_the_setting(
    fake: FakeClip, manner: str, kind: type[RequestRefused], says: str
) -> None:
    fake.manner = manner
    problem = refused(fake.url)
    assert type(problem) is kind
    assert problem.http_status == (422 if kind is ClipRefused else 502)
    assert says in str(problem)
    assert "CLIP_API_URL" in str(problem)
    assert "/elsewhere" not in fake.paths()


def test_an_answer_in_chunks_is_one_and_so_is_one_before_the_request_has_ended(fake: FakeClip) -> None:
    async def use(proxy: ClipProxy) -> None:
        for manner, pieces in [("answers in chunks", 1), ("answers early", 300)]:
            fake.manner = manner
            answer = await proxy.forward(Client([bytes(100_000)] * pieces).request, "img")
            assert answer.body == VECTOR

    run(fake.url, use)


def test_a_key_that_is_refused_there_is_no_401_here(fake: FakeClip) -> None:
    problem = refused(fake.url, key="wrong")
    assert problem.http_status == 502
    assert "set CLIP_API_KEY" in str(problem)


def test_a_service_that_is_slow_is_a_504_and_the_time_of_the_client_does_not_count(fake: FakeClip) -> None:
    fake.manner = "is slow"
    problem = refused(fake.url, limits=replace(LIMITS, timeout_s=0.2))
    assert isinstance(problem, ClipTimedOut)
    assert problem.http_status == 504
    assert "CLIP_API_URL does not answer within 0.2 s (OCR_TIMEOUT)" in str(problem)
    fake.manner = "200"

    async def use(proxy: ClipProxy) -> None:
        client = Client([b"a", b"b"])
        receive = client.request.receive

        async def receive_late() -> Message:
            await asyncio.sleep(0.8)
            return await receive()

        answer = await proxy.forward(Request(client.request.scope, receive_late), "img")
        assert answer.body == VECTOR

    run(fake.url, use, limits=replace(LIMITS, timeout_s=2))


def test_a_dead_service_is_a_502_before_anything_of_the_photo_is_read() -> None:
    client = Client([b"photo"])
    problem = refused(f"http://127.0.0.1:{free_port()}", lambda: client)
    assert problem.http_status == 502
    assert "CLIP_API_URL cannot be reached" in str(problem)
    assert client.asked == 0


def test_a_service_that_takes_nothing_in_is_a_504() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # nobody accepts
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        problem = refused(url, lambda: Client([bytes(100_000)] * 200), limits=replace(LIMITS, timeout_s=0.3))
    assert problem.http_status == 504


def test_a_client_that_hangs_up_is_noticed_there_whenever_it_does(fake: FakeClip) -> None:
    problem = refused(fake.url, lambda: Client([b"half"], {"content-length": "100"}, stays=False))
    assert isinstance(problem, MalformedForm)
    assert fake.left.wait(10)
    fake.left.clear()
    fake.manner = "is slow"

    async def use(proxy: ClipProxy) -> None:
        client = Client([b"photo"])
        task = asyncio.create_task(proxy.forward(client.request, "img"))
        await asyncio.to_thread(wait_until, lambda: bool(fake.asked), "the request")
        client.hang_up.set()
        with pytest.raises(ClientGone):
            await task

    run(fake.url, use)
    assert fake.left.wait(10)


def test_without_a_service_it_says_which_setting_is_missing() -> None:
    client = Client([b"photo"])
    problem = refused(None, lambda: client)
    assert isinstance(problem, ClipNotSet)
    assert problem.http_status == 404
    assert "set CLIP_API_URL" in str(problem)
    assert client.asked == 0


def test_a_request_that_comes_back_is_stopped(fake: FakeClip) -> None:
    async def use(proxy: ClipProxy) -> None:
        await proxy.forward(Client([b"photo"]).request, "img")

    run(fake.url, use)
    via = fake.asked[0].headers["via"]
    problem = refused(fake.url, lambda: Client([b"photo"], {"via": via}))
    assert "CLIP_API_URL leads back to this service" in str(problem)


def settled(proxy: ClipProxy) -> Callable[[], Awaitable[str]]:
    async def state() -> str:
        proxy.state()
        for task in list(proxy._tasks.values()):
            await task
        return proxy.state()

    return state


def test_whether_it_answers_is_asked_rarely_and_never_waited_for(fake: FakeClip) -> None:
    async def use(proxy: ClipProxy) -> None:
        assert proxy.state() == "does not answer"  # it was not asked yet, and nobody waits for that
        assert await settled(proxy)() == "answers"
        for _ in range(100):
            proxy.state()
        assert fake.paths() == ["/check"]
        fake.manner = "500"
        with pytest.raises(ClipFailed):
            await proxy.forward(Client([b"photo"]).request, "img")
        assert proxy.state() == "does not answer"
        fake.manner = "200"
        await proxy.forward(Client([b"photo"]).request, "img")
        assert proxy.state() == "answers"

    run(fake.url, use)


def test_the_reason_is_logged_once(
    fake: FakeClip, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs.log, "propagate", False)
    monkeypatch.setattr(logs.log, "handlers", [caplog.handler])
    caplog.set_level(logging.INFO, logs.log.name)

    async def use(proxy: ClipProxy) -> None:
        assert await settled(proxy)() == "does not answer"
        for _ in range(2):
            with pytest.raises(ClipFailed):
                await proxy.forward(Client([b"photo"]).request, "img")

    run(fake.url, use, key="wrong")
    (message,) = caplog.messages
    assert "CLIP_API_KEY" in message
    assert "wrong" not in message


def test_not_set_is_a_state_and_nothing_is_asked() -> None:
    async def use(proxy: ClipProxy) -> None:
        proxy.restart("/restart")
        assert await settled(proxy)() == "not set"
        assert not proxy._tasks

    run(None, use)


def test_restarts_are_passed_on_one_at_a_time_even_if_nothing_is_answered(fake: FakeClip) -> None:
    async def use(proxy: ClipProxy) -> None:
        for _ in range(3):
            proxy.restart("/restart")
        await proxy._tasks["restart"]
        proxy.restart("/restart_v2")
        await proxy._tasks["restart"]

    run(fake.url, use)
    assert fake.paths() == ["/restart", "/restart_v2"]


def test_restarts_stay_here_unless_it_is_wished(fake: FakeClip) -> None:
    async def use() -> None:
        proxy = ClipProxy(ClipService(fake.url, KEY), LIMITS)
        proxy.restart("/restart")
        assert not proxy._tasks
        await proxy.close()

    asyncio.run(use())
