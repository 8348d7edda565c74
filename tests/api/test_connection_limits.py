"""What a connection may send beside bodies, and how long it may take."""

import asyncio
from unittest.mock import Mock

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from api.connection_limits import MAX_HEADER_BYTES, BoundedProtocol, Timings
from tests.fakes.connections import served

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
HALF = b"a: " + b"y" * (MAX_HEADER_BYTES // 2) + b"\r\n"
WHOLE = GET + b"\r\n"
HEADER_TIMEOUT_S = 0.3


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(2 * HEADER_TIMEOUT_S)
    await PlainTextResponse("read")(scope, receive, send)


async def quick(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("read")(scope, receive, send)


class Impatient(BoundedProtocol):
    timings = Timings(header_timeout_s=HEADER_TIMEOUT_S)


@pytest.mark.parametrize("begun", [b"", b"G", WHOLE[:-2]])
def test_a_request_that_is_not_completed_is_given_up(begun: bytes) -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        assert await reader.read() == b""

    served(quick, use, Impatient)


def test_so_is_one_that_follows_another() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WHOLE)
        assert b"200 OK" in await reader.readuntil(b"read")
        writer.write(b"GET ")
        assert await reader.read() == b""

    served(quick, use, Impatient)


def test_a_connection_that_waits_for_its_next_request_is_not_ended_by_that() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(WHOLE)
            assert b"200 OK" in await reader.readuntil(b"read")
            await asyncio.sleep(1.5 * HEADER_TIMEOUT_S)  # the limit for headers is not for this wait

    served(quick, use, Impatient)


def test_one_that_is_answered_late_is_answered_though_another_is_begun_behind_it() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WHOLE + b"GET ")
        assert b"200 OK" in await reader.readuntil(b"read")
        writer.write(WHOLE[4:])
        assert b"200 OK" in await reader.readuntil(b"read")

    served(slow, use, Impatient)


def connected(transport: Mock, kind: type[BoundedProtocol]) -> BoundedProtocol:
    config = uvicorn.Config(quick, log_config=None, lifespan="off")
    config.load()
    protocol = kind(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(transport)
    return protocol


@pytest.mark.parametrize("lost", [False, True])
def test_a_connection_is_waited_for_until_it_is_lost(lost: bool) -> None:
    async def run() -> bool:
        transport = Mock(asyncio.Transport)
        protocol = connected(transport, Impatient)
        if lost:
            protocol.connection_lost(ConnectionResetError())
        await asyncio.sleep(1.5 * HEADER_TIMEOUT_S)
        return bool(transport.close.called)

    assert asyncio.run(run()) is not lost


def refusals(*pieces: bytes) -> int:
    """How many answers with a 400 a connection gets on which these pieces come."""

    async def run() -> int:
        transport = Mock(asyncio.Transport)
        transport.is_closing.side_effect = lambda: transport.close.called
        protocol = connected(transport, BoundedProtocol)
        for piece in pieces:
            protocol.data_received(piece)
            await asyncio.sleep(0.01)
        written = b"".join(call.args[0] for call in transport.write.call_args_list)
        return written.count(b"400 Bad Request")

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("pieces", "refused"),
    [
        ((GET, b"a: " + b"y" * MAX_HEADER_BYTES), True),
        ((GET, HALF, HALF), True),
        ((GET, HALF, b"\r\n" + GET, HALF, b"\r\n"), False),
        ((CHUNKED, *[b"4000\r\n" + bytes(0x4000) + b"\r\n"] * 9, b"0\r\n\r\n"), False),
        ((CHUNKED[:-2], HALF, b"\r\n", b"5;a=" + b"y" * (MAX_HEADER_BYTES // 2), b"\r\nhello\r\n"), False),
        ((CHUNKED, b"0\r\n", HALF, HALF), True),
        ((CHUNKED, b"0\r\n", HALF, b"\r\n" + GET, HALF, b"\r\n"), False),
        ((b"nonsense" * MAX_HEADER_BYTES,), True),
    ],
    ids=[
        "a header",
        "headers",
        "headers of two requests",
        "a body",
        "headers and what a chunk is called",
        "trailers",
        "trailers and the next headers",
        "nonsense",
    ],
)
def test_only_what_is_too_long_beside_a_body_is_refused_once(pieces: tuple[bytes, ...], refused: bool) -> None:
    assert refusals(*pieces) == refused


def test_when_the_service_ends_it_does_not_wait_for_ever_for_answers_to_be_taken() -> None:
    class Hurried(BoundedProtocol):
        timings = Timings(close_timeout_s=0.3)

    sent = asyncio.Event()

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        sent.set()
        await PlainTextResponse(bytes(50_000_000))(scope, receive, send)  # more than what the kernel takes

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # it is one that reads
        writer.write(WHOLE)
        await sent.wait()

    served(large, use, Hurried)  # otherwise served() runs into its own time limit
