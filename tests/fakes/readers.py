"""A worker client to try things on."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import psutil

from runners.base import Options
from tests.fakes import runner as fakes
from tests.fakes.waiting import LONG_S, run_to_its_end
from worker.client import WorkerClient
from worker.supervisor import WorkerLimits
from worker.timings import Timings

TWO_AT_A_TIME = WorkerLimits(2, LONG_S)
SHORT_PAUSES = Timings(load_timeout_s=LONG_S / 2, patience_s=30, pauses_s=(0, 0.05, 0.1, 0.2, 60))


def with_client(
    options: Options,
    use: Callable[[WorkerClient], Awaitable[None]],
    *names: str,
    limits: WorkerLimits = TWO_AT_A_TIME,
    timings: Timings = SHORT_PAUSES,
) -> None:
    """Try a client out; afterwards it must leave no process behind."""

    async def run() -> None:
        client = WorkerClient(names or ("colour",), options, limits, timings)
        try:
            await use(client)
        finally:
            await client.close()
        assert workers() == []

    run_to_its_end(run())


def workers() -> list[psutil.Process]:
    """The workers that there are, and those that have ended and were left lying about."""
    return [child for child in psutil.Process().children() if _is_ours(child)]


def _is_ours(child: psutil.Process) -> bool:
    try:
        return "worker.main" in child.cmdline()
    except psutil.ZombieProcess:
        return True
    except psutil.NoSuchProcess:
        return False


async def texts(client: WorkerClient, *colours: fakes.Colour) -> list[str]:
    read = await asyncio.gather(*(client.read(fakes.photo(colour)) for colour in colours))
    return [line.text for reading in read for line in reading.lines]


class TimeLimits:
    """The time limits that photos are under, which run out when the test says so: a runner's speed decides nothing.

    They are told from others by their length: at least LONG_S, as the test has it in its WorkerLimits.
    """

    def __init__(self) -> None:
        self._made: list[asyncio.Timeout] = []
        self._make = asyncio.timeout

    def make(self, delay: float | None) -> asyncio.Timeout:
        """What asyncio.timeout does."""
        timeout = self._make(delay)
        if delay and delay >= LONG_S:
            self._made.append(timeout)
        return timeout

    def run_out(self) -> None:
        """Have the oldest of those that photos are under run out now."""
        for timeout in self._made:
            with contextlib.suppress(RuntimeError):  # that is over already
                timeout.reschedule(0)
                return
        raise AssertionError("no photo is under a time limit")


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the test's own time limit ends it if it never does."""
    while not condition():  # noqa: ASYNC110 - what is waited for are processes
        await asyncio.sleep(0.01)
