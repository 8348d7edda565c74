"""An application behind uvicorn, with a protocol of ours, and a connection to it."""

import asyncio
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.types import Receive, Scope, Send

from tests.fakes.waiting import LONG_S

App = Callable[[Scope, Receive, Send], Awaitable[None]]
Use = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NewLoop = Callable[[], asyncio.AbstractEventLoop]


def served(app: App, use: Use, protocol: type[asyncio.Protocol], new_loop: NewLoop = asyncio.SelectorEventLoop) -> None:
    """Serve an application on a loop that `new_loop` makes, and use one connection to it."""

    async def run() -> None:
        server = uvicorn.Server(uvicorn.Config(app, http=protocol, port=0, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
        try:
            await use(reader, writer)
        finally:
            server.should_exit = True
            await serving
            writer.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(run(), LONG_S))
