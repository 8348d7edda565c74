"""What happens to requests when the service is asked to stop."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

import pytest

from api.errors import Stopping
from api.graceful_shutdown import GracefulShutdown
from tests.fakes.waiting import LONG_S, run_to_its_end


async def wait_for_ever(shutdown: GracefulShutdown, then: Callable[[], None]) -> None:
    async with shutdown.bound():
        then()
        await asyncio.Event().wait()


class Server:
    """Remembers the signals that it was handed."""

    def __init__(self) -> None:
        self.signals: list[int] = []

    def handle(self, number: int = 0, _: FrameType | None = None) -> None:
        self.signals.append(number)


async def turn() -> None:
    """Let the event loop run what is due by now."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_ends_in_time_is_not_disturbed_and_then_the_server_hears_of_it() -> None:
    async def use() -> str:
        shutdown, server = GracefulShutdown(2 * LONG_S), Server()
        async with shutdown.bound():
            async with shutdown.bound():
                shutdown.begin(server.handle)
                await turn()
            assert server.signals == []
        assert server.signals == [0]
        return "answer"

    assert asyncio.run(use()) == "answer"


def test_what_takes_longer_is_refused_and_then_the_server_hears_of_it() -> None:
    async def use() -> None:
        shutdown, server = GracefulShutdown(0.05), Server()
        with pytest.raises(Stopping):
            await wait_for_ever(shutdown, lambda: shutdown.begin(server.handle))
        assert server.signals == [0]

    run_to_its_end(use())


def test_what_comes_later_is_refused_at_once() -> None:
    async def use() -> None:
        shutdown, server = GracefulShutdown(2 * LONG_S), Server()
        async with shutdown.bound():
            assert not shutdown.begun
            shutdown.begin(server.handle)
            assert shutdown.begun
            with pytest.raises(Stopping):
                await wait_for_ever(shutdown, lambda: None)
            assert server.signals == []

    run_to_its_end(use())


def test_where_nothing_is_under_way_the_server_hears_of_it_at_once() -> None:
    async def use() -> None:
        shutdown, server = GracefulShutdown(2 * LONG_S), Server()
        shutdown.begin(server.handle)
        assert server.signals == [0]

    asyncio.run(use())


def test_another_signal_does_not_put_the_end_off() -> None:
    async def use() -> None:
        shutdown, server = GracefulShutdown(0.1), Server()

        async def insist() -> None:
            while True:
                shutdown.begin(server.handle)
                await asyncio.sleep(0.01)

        insisting = asyncio.create_task(insist())
        with pytest.raises(Stopping):
            await wait_for_ever(shutdown, lambda: None)
        insisting.cancel()

    run_to_its_end(use())


def test_without_a_signal_nothing_is_bounded() -> None:
    async def use() -> None:
        shutdown = GracefulShutdown(0)
        async with shutdown.bound():
            await turn()  # a limit of 0 seconds would be over

    asyncio.run(use())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_begins_it_and_reaches_the_server_afterwards(number: signal.Signals) -> None:
    server = Server()

    async def use() -> None:
        shutdown = GracefulShutdown(2 * LONG_S)
        shutdown.watch_signals()
        async with shutdown.bound():
            os.kill(os.getpid(), number)
            while not shutdown.begun:  # noqa: ASYNC110 - signals have no event
                await asyncio.sleep(0.001)
            await turn()
            assert server.signals == []

    before = {each: signal.signal(each, server.handle) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        run_to_its_end(use())
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert server.signals == [number]
