"""What becomes of requests when the service is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

import pytest

from api.graceful_shutdown import GracefulShutdown, Stopping


async def wait_for_ever(drain: GracefulShutdown, then: Callable[[], None]) -> None:
    async with drain.bounded():
        then()
        await asyncio.Event().wait()


class Server:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def tell(self, number: int = 0, _: FrameType | None = None) -> None:
        self.told.append(number)


def test_what_ends_in_time_is_not_disturbed_and_then_the_server_is_told() -> None:
    async def use() -> str:
        drain, server = GracefulShutdown(5), Server()
        async with drain.bounded():
            async with drain.bounded():
                drain.begin(server.tell)
                await asyncio.sleep(0.05)
            assert server.told == []
        assert server.told == [0]
        return "answer"

    assert asyncio.run(use()) == "answer"


def test_what_takes_longer_is_told_and_then_the_server() -> None:
    async def use() -> None:
        drain, server = GracefulShutdown(0.05), Server()
        with pytest.raises(Stopping) as caught:
            await wait_for_ever(drain, lambda: drain.begin(server.tell))
        assert caught.value.status == 503
        assert server.told == [0]

    asyncio.run(asyncio.wait_for(use(), 10))


def test_what_comes_later_is_told_at_once() -> None:
    async def use() -> None:
        drain, server = GracefulShutdown(5), Server()
        async with drain.bounded():
            assert not drain.begun
            drain.begin(server.tell)
            assert drain.begun
            with pytest.raises(Stopping):
                await wait_for_ever(drain, lambda: None)
            assert server.told == []

    asyncio.run(asyncio.wait_for(use(), 4))


def test_where_nothing_is_under_way_the_server_is_told_at_once() -> None:
    async def use() -> None:
        drain, server = GracefulShutdown(5), Server()
        drain.begin(server.tell)
        assert server.told == [0]

    asyncio.run(use())


def test_another_signal_does_not_put_the_end_off() -> None:
    async def use() -> None:
        drain, server = GracefulShutdown(0.1), Server()

        async def insist() -> None:
            while True:
                drain.begin(server.tell)
                await asyncio.sleep(0.01)

        insisting = asyncio.create_task(insist())
        with pytest.raises(Stopping):
            await wait_for_ever(drain, lambda: None)
        insisting.cancel()

    asyncio.run(asyncio.wait_for(use(), 5))


def test_without_a_signal_nothing_is_bounded() -> None:
    async def use() -> None:
        drain = GracefulShutdown(0)
        async with drain.bounded():
            await asyncio.sleep(0.05)

    asyncio.run(use())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_begins_it_and_reaches_the_server_afterwards(number: signal.Signals) -> None:
    server = Server()

    async def use() -> None:
        drain = GracefulShutdown(5)
        drain.watch()
        async with drain.bounded():
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.05)
            assert (drain.begun, server.told) == (True, [])

    before = {each: signal.signal(each, server.tell) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        asyncio.run(asyncio.wait_for(use(), 10))
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert server.told == [number]
