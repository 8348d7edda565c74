"""Requests that are begun and never completed; those without end are in tests/server."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

import framing
from framing import BoundedProtocol

WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
PATIENCE = 0.4  # seconds, of this service


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(2 * PATIENCE)
    await PlainTextResponse("read")(scope, receive, send)


async def quick(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("read")(scope, receive, send)


App = Callable[[Scope, Receive, Send], Awaitable[None]]


def served(app: App, use: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    async def run() -> None:
        server = uvicorn.Server(uvicorn.Config(app, http=BoundedProtocol, port=0, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
        try:
            await use(reader, writer)
        finally:
            writer.close()
            server.should_exit = True
            await serving

    asyncio.run(asyncio.wait_for(run(), 20))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "LONGEST", PATIENCE)


@pytest.mark.parametrize("begun", [b"", b"G", WHOLE[:-2]])
def test_a_request_that_is_not_completed_is_given_up(begun: bytes) -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        assert await reader.read() == b""

    served(quick, use)


def test_so_is_one_that_follows_another() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WHOLE)
        assert b"200 OK" in await reader.readuntil(b"read")
        writer.write(b"GET ")
        assert await reader.read() == b""

    served(quick, use)


def test_one_that_is_answered_late_is_answered_though_another_is_begun_behind_it() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WHOLE + b"GET ")
        assert b"200 OK" in await reader.readuntil(b"read")
        writer.write(WHOLE[4:])
        assert b"200 OK" in await reader.readuntil(b"read")

    served(slow, use)
