"""Clients that do what HTTP allows and most do not."""

import asyncio

import pytest
import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse
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
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
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
