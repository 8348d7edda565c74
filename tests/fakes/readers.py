"""A reader to try things on."""

import asyncio
from collections.abc import Awaitable, Callable

import psutil

from runners.base import Options
from tests.fakes import runner as fakes
from worker.client import WorkerClient
from worker.supervisor import WorkerLimits

TWO_AT_A_TIME = WorkerLimits(2, 30)


def with_reader(
    options: Options, use: Callable[[WorkerClient], Awaitable[None]], *names: str, bounds: WorkerLimits = TWO_AT_A_TIME
) -> None:
    """Try a reader out; afterwards it must leave no process behind."""

    async def run() -> None:
        reader = WorkerClient(names or ("colour",), options, bounds)
        try:
            await use(reader)
        finally:
            await reader.close()
        assert children() == []

    asyncio.run(asyncio.wait_for(run(), 60))


def children() -> list[psutil.Process]:
    """The child processes that there are, and those that have ended and were left lying about."""
    return [child for child in psutil.Process().children() if _is_ours(child)]


def _is_ours(child: psutil.Process) -> bool:
    try:
        return "worker.main" in child.cmdline()
    except psutil.ZombieProcess:
        return True
    except psutil.NoSuchProcess:
        return False


async def texts(reader: WorkerClient, *colours: fakes.Colour) -> list[str]:
    read = await asyncio.gather(*(reader.read(fakes.photo(colour)) for colour in colours))
    return [line.text for reading in read for line in reading.lines]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the test's own time limit ends it if it never does."""
    while not condition():  # noqa: ASYNC110 - what is waited for are processes
        await asyncio.sleep(0.01)
