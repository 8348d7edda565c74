"""Clients that do what HTTP allows and most do not: offer other protocols, close one direction of a connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.forgiving_protocol import ForgivingProtocol
from tests.fakes.connections import NewLoop, served

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop])
OFFERS = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    b"Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n",
    b"UPGRADE: TLS/1.0, h2c\r\nconnection: UPGRADE\r\n",
    b"Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
]
BODIES = [
    (b"Content-Length: 5\r\n", b"hello"),
    (b"Transfer-Encoding: chunked\r\n", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    (b"Content-Length: 0\r\n", b""),
    (b"", b""),
]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    body = (await request.body()).decode()
    told = [request.method, request.url.path, request.url.query, body, request.headers.get("upgrade")]
    await JSONResponse(told)(scope, receive, send)


def post(path: bytes, headers: bytes, body: bytes) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + body


def expected(path: str, body: bytes) -> bytes:
    return b'["POST","%s","q=1","%s",null]' % (path.encode(), b"hello" if body else b"")


@LOOPS
@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize(("framing", "body"), BODIES)
def test_an_offer_of_another_protocol_is_ignored(offer: bytes, framing: bytes, body: bytes, new_loop: NewLoop) -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for path in ("/a", "/b"):  # the connection goes on
            writer.write(post(path.encode() + b"?q=1", offer + framing, body))
            answer = await reader.readuntil(expected(path, body))
            assert answer.startswith(b"HTTP/1.1 200 OK")
        writer.write(post(b"/c?q=1", framing, body))
        await reader.readuntil(expected("/c", body))

    served(echo, use, ForgivingProtocol, new_loop)


@pytest.mark.parametrize("offer", OFFERS[:2])
@pytest.mark.parametrize(("framing", "body"), BODIES)
def test_however_it_is_cut_into_pieces(offer: bytes, framing: bytes, body: bytes) -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = post(b"/a?q=1", offer + framing, body)
        for place in range(1, len(whole)):
            for piece in (whole[:place], whole[place:]):
                writer.write(piece)
                await asyncio.sleep(0)
            await reader.readuntil(expected("/a", body))

    served(echo, use, ForgivingProtocol)


def test_many_in_one_piece_are_all_answered() -> None:
    count = 300

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(post(b"/a?q=1", OFFERS[0] + BODIES[0][0], BODIES[0][1]) * count)
        for _ in range(count):
            await reader.readuntil(expected("/a", b"hello"))

    served(echo, use, ForgivingProtocol)


@LOOPS
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_client_that_wants_the_connection_closed_gets_that(version: bytes, new_loop: NewLoop) -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n"
        writer.write(post(b"/a?q=1", headers, b"hello").replace(b"HTTP/1.1", b"HTTP/" + version))
        answer = await reader.read()
        assert b"\r\nconnection: close\r\n" in answer
        assert answer.endswith(expected("/a", b"hello"))

    served(echo, use, ForgivingProtocol, new_loop)


def test_a_client_that_waits_for_leave_to_send_the_body_gets_it_once() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(post(b"/a?q=1", OFFERS[0] + b"Content-Length: 5\r\nExpect: 100-continue\r\n", b""))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await reader.readuntil(expected("/a", b"hello"))).startswith(b"HTTP/1.1 200 OK")

    served(echo, use, ForgivingProtocol)


@pytest.mark.parametrize(
    "request_",
    [
        post(b"/", OFFERS[0] + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"hello"),
        post(b"/", OFFERS[0] + b"Transfer-Encoding: chunked\r\n", b"hello"),
    ],
)
def test_what_is_wrong_without_an_offer_is_wrong_with_one(request_: bytes) -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request_)
        answer = await reader.read()
        assert b"400 Bad Request" in answer or b"500 Internal" in answer

    served(echo, use, ForgivingProtocol)


@pytest.mark.parametrize("target", [b"x:443", b"http://x/a?q=1"])
@pytest.mark.parametrize("offer", [b"", OFFERS[0]])
def test_connect_is_refused_once_and_ends_the_connection(target: bytes, offer: bytes) -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"CONNECT " + target + b" HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n" + post(b"/b", b"", b""))
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1

    served(echo, use, ForgivingProtocol)


class Photos:
    """An application that answers when it is let, unless its client is gone."""

    def __init__(self) -> None:
        self.taken, self.go, self.gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            self.gone.set()
            return
        self.taken.set()
        hang_up = asyncio.create_task(self._wait_for_hang_up(receive))
        await self.go.wait()
        hang_up.cancel()
        await JSONResponse(len(body), 203)(scope, receive, send)

    async def _wait_for_hang_up(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()


@LOOPS
@pytest.mark.parametrize("wait_s", [0, 0.5])
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("size", [5, 1_000_000])
def test_a_client_that_has_half_closed_gets_its_answer(
    size: int, version: bytes, wait_s: float, new_loop: NewLoop
) -> None:
    app = Photos()

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = post(b"/", b"Content-Length: %d\r\n" % size, bytes(size))
        writer.write(request.replace(b"HTTP/1.1", b"HTTP/" + version))
        writer.write_eof()
        await app.taken.wait()
        await asyncio.sleep(wait_s)
        assert not app.gone.is_set()
        app.go.set()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 203 Non-Authoritative Information\r\n")
        assert answer.count(b"HTTP/1.1") == answer.count(b"connection: close\r\n") == 1
        assert answer.endswith(b"\r\n\r\n%d" % size)

    served(app, use, ForgivingProtocol, new_loop)


@LOOPS
def test_also_if_it_does_so_while_the_photo_is_read_or_after_several_requests(new_loop: NewLoop) -> None:
    app = Photos()

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(post(b"/", b"Content-Length: 5\r\n", b"hello") * 3)
        await app.taken.wait()
        await asyncio.sleep(0.1)
        writer.write_eof()
        await asyncio.sleep(0.1)
        app.go.set()
        assert (await reader.read()).count(b"HTTP/1.1 203 ") == 3

    served(app, use, ForgivingProtocol, new_loop)


@LOOPS
def test_also_in_the_middle_of_its_answer(new_loop: NewLoop) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"one"
        begun.set()
        await go.wait()
        yield b"two"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(slowly())({**scope, "asgi": {"spec_version": "2.4"}}, receive, send)

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(post(b"/", b"", b""))
        await begun.wait()
        writer.write_eof()
        await asyncio.sleep(0.1)
        go.set()
        assert (await reader.read()).endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")

    served(app, use, ForgivingProtocol, new_loop)


def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


def abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@LOOPS
@pytest.mark.parametrize("leave", [close, abort])
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("half_closed_s", [None, 0, 0.3])
def test_a_client_that_has_left_is_gone(
    leave: Callable[[asyncio.StreamWriter], None], version: bytes, half_closed_s: float | None, new_loop: NewLoop
) -> None:
    app = Photos()

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(post(b"/", b"Content-Length: 5\r\n", b"hello").replace(b"HTTP/1.1", b"HTTP/" + version))
        await app.taken.wait()
        if half_closed_s is not None:
            writer.write_eof()
            await asyncio.sleep(half_closed_s)
        leave(writer)
        await app.gone.wait()
        app.go.set()

    served(app, use, ForgivingProtocol, new_loop)


@LOOPS
@pytest.mark.parametrize("body", [b"", b"hell"])
def test_so_is_one_that_half_closes_before_it_has_sent_all(body: bytes, new_loop: NewLoop) -> None:
    app = Photos()

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(post(b"/", b"Content-Length: 5\r\n", body))
        writer.write_eof()
        await app.gone.wait()
        assert await reader.read() == b""

    served(app, use, ForgivingProtocol, new_loop)


def test_a_connection_that_waits_for_its_next_request_ends_at_once() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(post(b"/a?q=1", b"", b""))
        await reader.readuntil(expected("/a", b""))
        writer.write_eof()
        assert await reader.read() == b""

    served(echo, use, ForgivingProtocol)


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, and that nothing more comes, as a container's proxy does."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@pytest.mark.parametrize("leaves", [True, False])
def test_so_is_one_that_has_left_behind_a_proxy_that_half_closes_for_it(leaves: bool) -> None:
    app = Photos()

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def connected(theirs: asyncio.StreamReader, to_them: asyncio.StreamWriter) -> None:
            await asyncio.gather(relay(theirs, writer), relay(reader, to_them))
            writer.close()
            to_them.close()

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as proxy:
            answer, client = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            client.write(post(b"/", b"Content-Length: 5\r\n", b"hello"))
            await app.taken.wait()
            if leaves:
                client.close()
                await app.gone.wait()
                app.go.set()
            else:
                client.write_eof()
                app.go.set()
                assert (await answer.read()).startswith(b"HTTP/1.1 203 ")
                client.close()

    served(app, use, ForgivingProtocol)
