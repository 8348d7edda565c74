"""What becomes of requests when the service is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

import pytest

from stopping import Drain, Stopping


async def wait_for_ever(drain: Drain, then: Callable[[], None]) -> None:
    async with drain.bounded():
        then()
        await asyncio.Event().wait()


def test_what_ends_in_time_is_not_disturbed() -> None:
    async def use() -> str:
        drain = Drain(5)
        async with drain.bounded():
            drain.begin()
            await asyncio.sleep(0.05)
            return "answer"

    assert asyncio.run(use()) == "answer"


@pytest.mark.parametrize("begun_before", [True, False])
def test_what_takes_longer_is_told(begun_before: bool) -> None:
    async def use() -> None:
        drain = Drain(0.05)
        if begun_before:  # the request came on a connection that was still open
            drain.begin()
        with pytest.raises(Stopping) as caught:
            await wait_for_ever(drain, drain.begin)
        assert caught.value.status == 503

    asyncio.run(asyncio.wait_for(use(), 10))


def test_another_signal_does_not_put_the_end_off() -> None:
    async def use() -> None:
        drain = Drain(0.1)

        async def insist() -> None:
            while True:
                drain.begin()
                await asyncio.sleep(0.01)

        insisting = asyncio.create_task(insist())
        with pytest.raises(Stopping):
            await wait_for_ever(drain, lambda: None)
        insisting.cancel()

    asyncio.run(asyncio.wait_for(use(), 5))


def test_without_a_signal_nothing_is_bounded() -> None:
    async def use() -> None:
        drain = Drain(0)
        async with drain.bounded():
            await asyncio.sleep(0.05)

    asyncio.run(use())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_begins_it_and_still_reaches_the_server(number: signal.Signals) -> None:
    came: list[int] = []

    def server(received: int, _: FrameType | None) -> None:
        came.append(received)

    async def use() -> None:
        drain = Drain(0.05)
        drain.watch()
        with pytest.raises(Stopping):
            await wait_for_ever(drain, lambda: os.kill(os.getpid(), number))

    before = {each: signal.signal(each, server) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        asyncio.run(asyncio.wait_for(use(), 10))
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert came == [number]
