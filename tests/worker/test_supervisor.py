"""When the worker ends, and what photos notice of it."""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Iterator

import pytest

import logs
from ocr.errors import ReadingTimedOut, RunnerUnavailable, UnreadablePhoto
from runners.base import Options
from runners.registry import RUNNERS, RunnerEntry
from tests.fakes import runner as fakes
from tests.fakes.readers import TimeLimits, texts, until, with_client, workers
from tests.fakes.waiting import LONG_S
from worker import process
from worker.async_channel import AsyncChannel
from worker.client import WorkerClient
from worker.supervisor import WorkerLimits
from worker.timings import Timings

IDLE = 0.15


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.LogCaptureFixture]:
    monkeypatch.setattr(logs.log, "propagate", False)
    logs.log.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, logs.log.name)
    yield caplog
    logs.log.removeHandler(caplog.handler)


def test_an_idle_child_ends_and_the_next_photo_starts_it_again(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        assert client.state().device == ""
        await texts(client, (1, 2, 3))
        device = client.state().device
        (worker,) = workers()
        await until(lambda: not worker.is_running())
        state = client.state()
        assert state.ready
        assert not state.loaded
        assert state.memory["worker"].now == 0
        assert state.device == device != ""
        assert state.restarts["idle"] == 1
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use, limits=WorkerLimits(2, LONG_S, IDLE))


def test_its_end_is_logged_with_the_id_of_no_request(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    async def use(client: WorkerClient) -> None:
        logs.request_id.set("of-a-photo")
        await texts(client, (1, 2, 3))
        await until(lambda: client.state().restarts["idle"] == 1)

    propagate, handlers = logs.log.propagate, logs.log.handlers
    logs.configure("text", others=False)
    with_client(options, use, limits=WorkerLimits(2, LONG_S, IDLE))
    logs.log.propagate, logs.log.handlers = propagate, handlers
    (ended,) = [line for line in capsys.readouterr().out.splitlines() if "the worker ends" in line]
    assert " request=" not in ended


def test_a_child_that_no_photo_has_come_to_ends_too(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        await until(lambda: workers() == [])

    with_client(options, use, limits=WorkerLimits(2, LONG_S, IDLE))


def test_a_photo_that_is_being_read_keeps_the_child(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        reading = asyncio.create_task(texts(client, fakes.HELD, (1, 2, 3)))
        await until(lambda: client.state().loaded)
        await asyncio.sleep(3 * IDLE)
        assert client.state().restarts["idle"] == 0
        fakes.let_go(options)
        assert await reading == [fakes.name(fakes.HELD), "#010203"]

    with_client(options, use, limits=WorkerLimits(1, LONG_S, IDLE))


def test_photos_that_come_just_when_the_child_ends_are_read(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        for index in range(30):
            await asyncio.sleep(0.001 * (index % 4))  # around the 2 ms after which the child ends
            assert await texts(client, (index, 2, 3), (index, 4, 5)) == [
                fakes.name((index, 2, 3)),
                fakes.name((index, 4, 5)),
            ]
        assert client.state().restarts["idle"] > 3

    with_client(options, use, limits=WorkerLimits(2, LONG_S, 0.002))


def test_zero_means_never(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        await asyncio.sleep(IDLE)
        assert len(workers()) == 1

    with_client(options, use, limits=WorkerLimits(2, LONG_S, 0))


def test_a_failed_restart_does_not_keep_the_worker_for_ever(
    options: Options, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:UnloadableRunner", ("numpy",)))
        client.restart()
        await until(lambda: "the old one goes on" in log.text)
        await until(lambda: workers() == [])
        assert client.state().restarts["idle"] == 1

    with_client(options, use, limits=WorkerLimits(2, LONG_S, IDLE))


def test_a_restart_of_what_is_not_loaded_loads_nothing(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        await until(lambda: workers() == [])
        client.restart()
        await asyncio.sleep(IDLE / 2)
        assert workers() == []
        assert client.state().restarts["requested"] == 0

    with_client(options, use, limits=WorkerLimits(2, LONG_S, IDLE))


def test_a_frozen_worker_is_ended_all_the_same(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        workers()[0].suspend()
        await until(lambda: workers() == [])

    with_client(options, use, limits=WorkerLimits(2, LONG_S, IDLE), timings=Timings(exit_grace_s=0.1))


def test_closing_does_not_wait_for_a_frozen_child(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        workers()[0].suspend()
        reading = asyncio.create_task(client.read(fakes.photo((1, 2, 3))))
        await until(lambda: client.state().reading == 1)
        reading.cancel()

    with_client(options, use)


def test_a_child_above_the_memory_limit_is_replaced_without_losing_a_photo(
    options: Options, log: pytest.LogCaptureFixture
) -> None:
    async def use(client: WorkerClient) -> None:
        await texts(client, (1, 2, 3))
        assert await texts(client, fakes.SLOW, fakes.SLOW) == [fakes.name(fakes.SLOW)] * 2
        await until(lambda: client.state().restarts["memory"] == 1)
        await texts(client, *[(1, 2, 3)] * 5)  # the new child is above the limit as well
        assert client.state().restarts["memory"] == 1
        lines = [record.getMessage() for record in log.records if "OCR_MEMORY_LIMIT_MB" in record.getMessage()]
        assert len(lines) == 1
        assert "(OCR_MEMORY_LIMIT_MB is 1): it is replaced" in lines[0]

    with_client(options, use, limits=WorkerLimits(2, LONG_S, memory_bytes=1_000_000))


def test_a_child_below_the_memory_limit_stays(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await texts(client, (1, 2, 3))
        (worker,) = workers()
        await texts(client, (1, 2, 3))
        assert workers() == [worker]
        state = client.state()
        assert 10e6 < state.memory["worker"].now <= state.memory["worker"].peak < 1e9
        assert 10e6 < state.memory["service"].now <= state.memory["service"].peak

    with_client(options, use, limits=WorkerLimits(2, LONG_S, memory_bytes=10**9))


def test_the_memory_limit_acts_again_after_a_while(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        for count in (1, 2):
            await texts(client, (1, 2, 3))
            await until(lambda count=count: client.state().restarts["memory"] == count)  # type: ignore[misc]

    with_client(options, use, limits=WorkerLimits(2, LONG_S, memory_bytes=1_000_000), timings=Timings(memory_pause_s=0))


def test_crashes_in_a_row_slow_down_and_a_success_starts_over(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        for _ in range(2):
            with pytest.raises(UnreadablePhoto):
                await client.read(fakes.photo(fakes.KILLS))
        assert not client.state().ready  # the next photo has to wait
        client._supervisor._backoff._until = 0  # which it has
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        with pytest.raises(UnreadablePhoto):
            await client.read(fakes.photo(fakes.KILLS))
        assert client.state().ready

    with_client(options, use, timings=Timings(pauses_s=(0, 0, 0, 600)))


def test_a_start_that_fails_for_a_moment_costs_no_photo(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(client: WorkerClient) -> None:
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:UnloadableRunner", ("numpy",)))
        reading = asyncio.create_task(texts(client, (1, 2, 3)))
        await until(lambda: len(workers()) > 0)
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:ColourRunner", ("numpy",)))
        assert await reading == ["#010203"]

    with_client(options, use)


def test_what_can_never_be_started_is_tried_ever_less_often_and_said_at_once(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(client: WorkerClient) -> None:
        with pytest.raises(RunnerUnavailable):
            await client.read(fakes.photo((1, 2, 3)))
        monkeypatch.setattr(process.WorkerProcess, "start", None)  # not to be called
        for _ in range(3):
            with pytest.raises(RunnerUnavailable, match="unloadable cannot be loaded: no paint here"):
                await client.read(fakes.photo((1, 2, 3)))
        assert not client.state().ready

    with_client(options, use, "unloadable", timings=Timings(pauses_s=(600,)))


@pytest.mark.parametrize("failing", ["socket.socketpair", "subprocess.Popen"])
def test_a_machine_that_has_no_more_to_give_is_an_answer_and_the_next_photo_is_read(
    options: Options, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    async def use(client: WorkerClient) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(failing, exhausted)
            with pytest.raises(RunnerUnavailable, match=r"no worker process can be started: .*Too many open files"):
                await client.read(fakes.photo((1, 2, 3)))
        await until(lambda: client.state().ready)
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    def exhausted(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with_client(options, use, timings=Timings(patience_s=0.4, pauses_s=(0.5,)))


def test_an_unexpected_error_while_a_worker_starts_is_an_answer_and_is_logged(
    options: Options, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    async def fail(_: object) -> None:
        raise ValueError("no such thing")

    async def use(client: WorkerClient) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(AsyncChannel, "open", fail)
            with pytest.raises(RunnerUnavailable, match="no such thing"):
                await client.read(fakes.photo((1, 2, 3)))
        await until(lambda: client.state().ready)
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert "unexpected error while starting a worker" in log.text

    with_client(options, use, timings=Timings(patience_s=0.4, pauses_s=(0.5,)))


def test_no_child_is_left_if_the_service_ends_while_it_loads_and_photos_wait(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RUNNERS, "endless", RunnerEntry("tests.fakes.runner:EndlessRunner", ("numpy",)))

    async def use(client: WorkerClient) -> None:
        reading = [asyncio.create_task(client.read(fakes.photo((index, 2, 3)))) for index in range(4)]
        await until(lambda: len(workers()) == 1)
        await client.close()
        await asyncio.wait(reading)
        assert workers() == []

    with_client(options, use, "endless")


def test_a_start_that_fails_is_tried_again_without_a_photo_each_time(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(client: WorkerClient) -> None:
        for _ in range(3):
            with monkeypatch.context() as patch:
                patch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:UnloadableRunner", ("numpy",)))
                for worker in workers():  # none the first time
                    worker.kill()
                await until(lambda: not client.state().loaded)
                with pytest.raises(RunnerUnavailable):
                    await client.start()
            await until(lambda: client.state().ready)
            assert client.state().loaded

    with_client(options, use, timings=Timings(patience_s=0.01, pauses_s=(0, 0.05)))


def test_a_restart_tries_at_once(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(client: WorkerClient) -> None:
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:UnloadableRunner", ("numpy",)))
        with pytest.raises(RunnerUnavailable):
            await client.read(fakes.photo((1, 2, 3)))
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:ColourRunner", ("numpy",)))
        client.restart()
        await until(lambda: client.state().ready)
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use, timings=Timings(pauses_s=(600,)))


def test_a_model_that_takes_for_ever_to_load_is_given_up(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        with pytest.raises(RunnerUnavailable, match=r"endless was not loaded within 0\.2 s"):
            await client.read(fakes.photo((1, 2, 3)))
        assert workers() == []

    with_client(options, use, "endless", timings=Timings(load_timeout_s=0.2, patience_s=1, pauses_s=(600,)))


def test_a_service_that_stops_while_the_model_loads_leaves_nothing_behind(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        reading = asyncio.create_task(client.read(fakes.photo((1, 2, 3))))
        await until(lambda: len(workers()) > 0)
        reading.cancel()

    with_client(options, use, "endless")


def test_a_service_that_stops_during_a_restart_leaves_nothing_behind(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        client.restart()
        await until(lambda: len(workers()) == 2)

    with_client(options, use)


def test_a_photo_that_comes_when_the_service_ends_is_refused_and_gets_no_other_ones_answer(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        left = asyncio.create_task(client.read(fakes.photo(fakes.SLOW)))
        await until(lambda: client.state().reading == 1)
        time.sleep(1.5 * fakes.SLOW_SECONDS)  # noqa: ASYNC251 - its answer comes, and is not taken in
        coming = client.read(fakes.photo((1, 2, 3)))
        _, told, _ = await asyncio.gather(client.close(), coming, left, return_exceptions=True)
        assert isinstance(told, RunnerUnavailable), told

    with_client(options, use)


def test_a_suspect_whose_caller_has_left_is_not_read_again(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        suspect = asyncio.create_task(client.read(fakes.photo(fakes.SLOW)))
        await until(lambda: client.state().reading == 1)
        suspect.cancel()
        workers()[0].kill()
        await until(lambda: client.state().reading == 0)
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert client.state().photos == 1
        assert client.state().restarts["died"] == 1

    with_client(options, use)


def test_nor_is_one_whose_caller_leaves_once_the_worker_was_killed_for_time(
    options: Options, log: pytest.LogCaptureFixture, time_limits: TimeLimits
) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        slow = asyncio.create_task(client.read(fakes.photo(fakes.HELD)))
        await until(lambda: client.state().reading == 1)
        beside = asyncio.create_task(client.read(fakes.photo(fakes.HELD)))
        await until(lambda: client.state().reading == 2)
        time_limits.run_out()
        with pytest.raises(ReadingTimedOut):
            await slow
        await until(lambda: "reading it again" in log.text and client.state().reading == 1)
        beside.cancel()  # while it waits for another worker
        await until(lambda: client.state().reading == 0)
        assert client.state().waiting == 0

    with_client(options, use, timings=Timings(pauses_s=(600,)))


def test_nor_is_any_whose_caller_leaves_while_the_model_is_loaded(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        for _ in range(3):  # there is one slot
            photo = asyncio.create_task(client.read(fakes.photo((1, 2, 3))))
            await until(lambda: client.state().reading == 1)
            photo.cancel()
            await until(lambda: client.state().reading == 0)

    with_client(options, use, "endless", limits=WorkerLimits(1, LONG_S))
