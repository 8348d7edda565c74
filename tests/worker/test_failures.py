"""Engines that fail, and memory that is short: no photo pays for it, and health tells the truth."""

import asyncio

import pytest

from ocr.errors import OutOfMemory, ReadingFailed, RunnerUnavailable
from runners.base import Options
from runners.registry import RUNNERS, RunnerEntry
from tests.fakes import runner as fakes
from tests.fakes.readers import texts, until, with_client, workers
from tests.fakes.waiting import LONG_S
from worker.client import WorkerClient
from worker.supervisor import WorkerLimits
from worker.timings import Timings


def test_a_card_that_breaks_is_used_anew_and_the_photo_read_again(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (broken,) = workers()
        assert await texts(client, fakes.BREAKS_ONCE) == [fakes.name(fakes.BREAKS_ONCE)]
        assert broken not in workers()
        assert client.state().restarts["failed"] == 1
        assert client.state().ready

    with_client(options, use)


def test_a_card_that_breaks_while_its_successor_loads_costs_no_photo_either(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        client.restart()
        assert await texts(client, fakes.BREAKS_ONCE, (1, 2, 3)) == [fakes.name(fakes.BREAKS_ONCE), "#010203"]
        assert len(workers()) == 1
        assert client.state().ready

    with_client(options, use)


def test_photos_beside_the_one_that_broke_the_card_are_read_too(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        colours = [fakes.SLOW, fakes.BREAKS_ONCE, (1, 2, 3), (4, 5, 6), (7, 8, 9)]
        assert await texts(client, *colours) == [fakes.name(colour) for colour in colours]

    with_client(options, use, limits=WorkerLimits(3, LONG_S))


def test_a_photo_that_breaks_the_card_each_time_fails_and_the_next_is_read(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        with pytest.raises(ReadingFailed):
            await client.read(fakes.photo(fakes.BREAKS))
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert client.state().restarts["failed"] == 2

    with_client(options, use)


def test_the_third_photo_in_a_row_that_fails_replaces_the_worker(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        for count in (0, 0, 1):
            with pytest.raises(ReadingFailed):
                await client.read(fakes.photo(fakes.FAILS))
            assert client.state().restarts["failed"] == count
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use)


def test_failures_that_are_not_in_a_row_replace_nothing(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        for _ in range(4):
            with pytest.raises(ReadingFailed):
                await client.read(fakes.photo(fakes.FAILS))
            assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert client.state().restarts["failed"] == 0

    with_client(options, use)


def test_the_service_is_not_ready_until_another_worker_reads_and_needs_no_photo_for_that(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:UnloadableRunner", ("numpy",)))
        left = asyncio.create_task(client.read(fakes.photo(fakes.BREAKS)))
        await until(lambda: client.state().restarts["failed"] == 1)
        assert not client.state().ready
        with pytest.raises(RunnerUnavailable):  # which is a 503: it can come again
            await left
        assert not client.state().ready
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:ColourRunner", ("numpy",)))
        await until(lambda: client.state().ready)
        assert len(workers()) == 1

    with_client(options, use, timings=Timings(patience_s=0.01, pauses_s=(0, 0.05)))


def test_a_photo_whose_caller_has_left_has_the_worker_replaced_all_the_same(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        before = workers()
        left = asyncio.create_task(client.read(fakes.photo(fakes.BREAKS)))
        await until(lambda: client.state().reading == 1)
        left.cancel()
        await until(lambda: client.state().restarts["failed"] == 1)
        await until(lambda: client.state().ready)
        assert workers() != before

    with_client(options, use)


def test_a_photo_for_which_memory_was_short_once_is_read(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        colours = [fakes.HUNGRY_ONCE, (1, 2, 3), fakes.SLOW]
        assert await texts(client, *colours) == [fakes.name(colour) for colour in colours]
        assert not any(client.state().restarts.values())

    with_client(options, use)


def test_one_for_which_it_is_always_short_can_come_again_and_the_next_is_read(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        with pytest.raises(OutOfMemory, match="send it again later"):
            await client.read(fakes.photo(fakes.HUNGRY))
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use)
