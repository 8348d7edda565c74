"""Who reads when."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from tests.fakes.waiting import run_to_its_end
from worker.fair_slots import FairSlots


def with_places(count: int, use: Callable[[FairSlots], Coroutine[object, object, None]]) -> None:
    run_to_its_end(use(FairSlots(count)))


async def queue(places: FairSlots, took: list[str], *names: str) -> list["asyncio.Task[None]"]:
    """Have each name wait for a place; a name in capitals waits for all of them."""

    async def take(name: str) -> None:
        await places.take(alone=name.isupper())
        took.append(name)

    tasks = [asyncio.create_task(take(name)) for name in names]
    await settled()
    return tasks


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_first_come_first_served() -> None:
    async def use(places: FairSlots) -> None:
        took: list[str] = []
        await queue(places, took, *"abcdef")
        assert took == ["a", "b"]
        assert places.waiting == 4
        for _ in range(4):
            places.give_back()
            await queue(places, took, "late")
        assert took[:6] == [*"abcdef"]

    with_places(2, use)


def test_who_must_be_alone_goes_first_and_beside_nobody() -> None:
    async def use(places: FairSlots) -> None:
        took: list[str] = []
        await queue(places, took, *"abcAB")
        places.give_back()
        await settled()
        assert took == ["a", "b"]  # A needs both places
        places.give_back()
        await settled()
        assert took == ["a", "b", "A"]
        places.give_back(alone=True)
        await settled()
        assert took == ["a", "b", "A", "B"]
        places.give_back(alone=True)
        await settled()
        assert took == ["a", "b", "A", "B", "c"]

    with_places(2, use)


@pytest.mark.parametrize("leaver", [0, 1, 2])
def test_who_leaves_while_waiting_holds_nobody_up(leaver: int) -> None:
    async def use(places: FairSlots) -> None:
        took: list[str] = []
        await queue(places, took, "x")
        tasks = await queue(places, took, "A", "b", "c")
        tasks[leaver].cancel()
        await settled()
        assert places.waiting == 2
        for alone in (False, leaver != 0):
            places.give_back(alone=alone)
            await settled()
        assert took == ["x", *(name for index, name in enumerate("Abc") if index != leaver)]

    with_places(1, use)


def test_who_leaves_lets_those_behind_it_have_what_is_free() -> None:
    async def use(places: FairSlots) -> None:
        took: list[str] = []
        await queue(places, took, "x")
        leaver, _ = await queue(places, took, "A", "b")
        assert took == ["x"]  # A needs both places
        leaver.cancel()
        await settled()
        assert took == ["x", "b"]

    with_places(2, use)


@pytest.mark.parametrize("before", [True, False])
def test_who_leaves_at_the_moment_of_its_turn_passes_it_on(before: bool) -> None:
    async def use(places: FairSlots) -> None:
        took: list[str] = []
        await queue(places, took, "x")
        first, _ = await queue(places, took, "a", "b")
        if before:
            first.cancel()
        places.give_back()
        if not before:
            first.cancel()
        await settled()
        assert took == ["x", "b"]
        assert first.cancelled()

    with_places(1, use)
