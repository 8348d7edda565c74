"""The child process and the client on top of it, with a runner that is killed on demand."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from logs import log, request_id
from ocr.errors import OcrError, ReadingFailed, ReadingTimedOut, RunnerUnavailable, UnreadablePhoto
from runners.base import Options
from runners.registry import RUNNERS, RunnerEntry
from tests.fakes import runner as fakes
from tests.fakes.kept import Noted, without_collector
from tests.fakes.project import ROOT
from tests.fakes.readers import TimeLimits, texts, until, with_client, workers
from tests.fakes.waiting import LONG_S
from worker.client import WorkerClient
from worker.process import WorkerDied, WorkerProcess
from worker.supervisor import WorkerLimits
from worker.timings import Timings

COLOURS = [(10 * i, 20, 30) for i in range(20)]


def test_each_caller_gets_its_own_answer(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        assert await texts(client, *COLOURS) == [fakes.name(colour) for colour in COLOURS]

    with_client(options, use, limits=WorkerLimits(3, LONG_S))


def test_photos_are_read_side_by_side_but_not_more_than_allowed(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        assert await texts(client, *[fakes.COUNTS_COMPANY] * 4) == ["2"] * 4

    with_client(options, use)


def oom_score_adj(pid: int | str) -> Path:
    return Path(f"/proc/{pid}/oom_score_adj")


@pytest.mark.skipif(not oom_score_adj("self").exists(), reason="there is such a thing on Linux only")
def test_if_memory_runs_out_the_child_is_the_first_to_go(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (worker,) = workers()
        assert oom_score_adj(worker.pid).read_text("ascii").strip() == "1000"

    with_client(options, use)


def test_the_worker_steps_back_behind_others_and_the_service_does_not(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (worker,) = workers()
        assert worker.nice() == min(19, psutil.Process().nice() + 5)

    with_client(replace(options, niceness=5), use)


def test_expected_failures_cross_the_border_as_what_they_are(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        with pytest.raises(UnreadablePhoto, match="no picture"):
            await client.read(b"no photo")
        with pytest.raises(ReadingFailed, match="log has the details"):
            await client.read(fakes.photo(fakes.FAILS))
        with pytest.raises(UnreadablePhoto):
            await client.read(b"")
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use)


def test_what_the_child_logs_names_the_request(options: Options, capfd: pytest.CaptureFixture[str]) -> None:
    async def use(client: WorkerClient) -> None:
        for name in ("first", "second"):
            request_id.set(name)
            with pytest.raises(ReadingFailed):
                await client.read(fakes.photo(fakes.FAILS))

    with_client(options, use)
    logged = re.findall("the runner failed on a photo of 99 bytes request=(.*)", capfd.readouterr().out)
    assert logged == ["first", "second"]


def test_what_libraries_print_is_logged(options: Options, caplog: pytest.LogCaptureFixture) -> None:
    log.addHandler(caplog.handler)

    async def use(client: WorkerClient) -> None:
        await texts(client, fakes.SAYS)
        await until(lambda: "says" in caplog.text)
        log.removeHandler(caplog.handler)
        assert caplog.messages[-1] == r"the worker says: \u2603\x1b[1m\ufffd, says a library"

    with_client(options, use)


def test_a_restart_loses_nothing_and_the_old_process_ends(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (old,) = workers()
        reading = asyncio.gather(*(client.read(fakes.photo(fakes.SLOW)) for _ in range(5)))
        await until(lambda: client.state().reading == 2)
        client.restart()
        client.restart()  # two at once are one
        assert [read.lines[0].text for read in await reading] == [fakes.name(fakes.SLOW)] * 5
        await asyncio.to_thread(psutil.wait_procs, [old], LONG_S)
        assert not old.is_running()
        assert len(workers()) == 1

    with_client(options, use)


def test_photos_in_flight_in_a_process_that_dies_are_read_again(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        reading = asyncio.gather(*(client.read(fakes.photo(fakes.SLOW)) for _ in range(4)))
        await until(lambda: client.state().reading == 2)
        workers()[0].kill()
        assert [read.lines[0].text for read in await reading] == [fakes.name(fakes.SLOW)] * 4

    with_client(options, use)


def test_a_photo_that_kills_once_is_read(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        assert await texts(client, fakes.KILLS_ONCE) == [fakes.name(fakes.KILLS_ONCE)]

    with_client(options, use)


def test_a_photo_that_kills_twice_is_unreadable_and_the_next_is_read(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        with pytest.raises(UnreadablePhoto, match="crashed the reader or took all memory, twice"):
            await client.read(fakes.photo(fakes.KILLS))
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use)


def test_a_caller_that_goes_away_leaves_its_place_to_the_next(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        gone = asyncio.create_task(client.read(fakes.photo(fakes.SLOW)))
        waiting = asyncio.create_task(client.read(fakes.photo((9, 9, 9))))
        await until(lambda: (client.state().reading, client.state().waiting) == (1, 1))
        gone.cancel()
        waiting.cancel()
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use, limits=WorkerLimits(1, LONG_S))


def test_the_next_runner_is_tried_and_remembered(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert client.state().runner == "colour"
        assert client.state().why.startswith("unloadable cannot be loaded: no paint here; crashing died")
        assert client.state().why.endswith("; colour could be loaded")
        assert client.state().device == "paint box"
        assert client.state().optimisations == ["broad brush"]
        assert client.state().ready

    with_client(options, use, "unloadable", "crashing", "colour")


def test_a_runner_that_was_killed_while_it_loaded_is_tried_again_and_no_other(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert client.state().runner == "hunted"
        assert client.state().why == "hunted could be loaded"

    with_client(options, use, "hunted", "colour")


def test_no_runner_at_all_says_why_each_time(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        for _ in range(2):
            with pytest.raises(
                RunnerUnavailable, match=r"unloadable cannot be loaded: no paint.*crashing died .*code -\d"
            ):
                await client.read(fakes.photo((1, 2, 3)))
        assert not client.state().ready

    with_client(options, use, "unloadable", "crashing")


def test_a_failed_restart_leaves_the_old_process_in_service(
    options: Options, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log.addHandler(caplog.handler)

    async def use(client: WorkerClient) -> None:
        await client.start()
        before = workers()
        monkeypatch.setitem(RUNNERS, "colour", RunnerEntry("tests.fakes.runner:UnloadableRunner", ("numpy",)))
        client.restart()
        await until(lambda: "no new worker can be started: the old one goes on" in caplog.text)
        log.removeHandler(caplog.handler)
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert workers() == before
        assert client.state().restarts["requested"] == 0

    with_client(options, use)


def test_a_worker_that_dies_while_its_successor_loads_costs_no_photo(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (worker,) = workers()
        client.restart()
        await until(lambda: len(workers()) == 2)
        worker.kill()
        assert await texts(client, (1, 2, 3)) == ["#010203"]
        assert client.state().restarts["died"] == 1
        assert len(workers()) == 1

    with_client(options, use)


def test_a_read_that_is_cancelled_takes_the_worker_along_and_nobody_gets_its_answer(options: Options) -> None:
    async def run() -> None:
        process = await WorkerProcess.start("colour", options, slots=1, timings=Timings())
        cancelled = asyncio.create_task(process.read(fakes.photo(fakes.SLOW), LONG_S))
        next_one = asyncio.create_task(process.read(fakes.photo((1, 2, 3)), LONG_S))  # waits for the only slot
        await until(lambda: process._reading == 1)
        cancelled.cancel()
        with pytest.raises(WorkerDied):
            await next_one
        await process.close()
        assert workers() == []

    asyncio.run(run())


def test_the_child_ignores_the_signals_that_are_meant_for_the_service(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        reading = asyncio.create_task(client.read(fakes.photo(fakes.SLOW)))
        await until(lambda: client.state().reading == 1)
        (worker,) = workers()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            worker.send_signal(number)
        assert (await reading).lines[0].text == fakes.name(fakes.SLOW)

    with_client(options, use)


def test_the_child_does_not_outlive_the_service(options: Options) -> None:
    async def run() -> WorkerProcess:
        return await WorkerProcess.start("colour", options, slots=1, timings=Timings())

    reader, writer = os.pipe()
    service = os.fork()
    if service == 0:
        os.close(reader)
        asyncio.run(run())
        os.write(writer, str(workers()[0].pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writer)
    os.waitpid(service, 0)
    worker = int(os.read(reader, 20))
    os.close(reader)
    if psutil.pid_exists(worker):
        psutil.wait_procs([psutil.Process(worker)], LONG_S)
    assert not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("key", ["api_auth_key", "CLIP_API_KEY"])  # settings are read in any case
def test_a_key_is_not_in_the_childs_environment(options: Options, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(key, "a secret")

    async def use(client: WorkerClient) -> None:
        await client.start()
        assert "a secret" not in workers()[0].environ().values()

    with_client(options, use)


def test_a_killed_process_says_so(options: Options) -> None:
    async def run() -> None:
        process = await WorkerProcess.start("colour", options, slots=1, timings=Timings())
        process.kill()
        with pytest.raises(WorkerDied):
            await process.read(fakes.photo((1, 2, 3)), LONG_S)
        await process.close()

    asyncio.run(run())


def test_innocent_photos_beside_two_killers_are_read(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        colours = [fakes.KILLS, fakes.SLOW, fakes.KILLS, (1, 2, 3)]
        answers = await asyncio.gather(
            *(client.read(fakes.photo(colour)) for colour in colours), return_exceptions=True
        )
        assert [isinstance(answer, UnreadablePhoto) for answer in answers] == [True, False, True, False]

    with_client(options, use)


def test_the_death_of_an_idle_process_is_held_against_no_photo(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (worker,) = workers()
        worker.kill()
        await asyncio.to_thread(worker.wait, LONG_S)
        assert not client.state().loaded
        assert client.state().ready  # the next photo starts another
        assert await texts(client, fakes.KILLS_ONCE) == [fakes.name(fakes.KILLS_ONCE)]

    with_client(options, use)


def test_a_photo_over_the_time_limit_ends_and_takes_no_other_along(options: Options, time_limits: TimeLimits) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        slow = asyncio.create_task(client.read(fakes.photo(fakes.HELD)))
        await until(lambda: client.state().reading == 1)
        assert await texts(client, (1, 2, 3), (4, 5, 6)) == ["#010203", "#040506"]
        beside = asyncio.create_task(texts(client, fakes.HELD))
        await until(lambda: client.state().reading == 2)
        time_limits.run_out()
        with pytest.raises(ReadingTimedOut, match="OCR_TIMEOUT"):
            await slow
        fakes.let_go(options)
        assert await beside == [fakes.name(fakes.HELD)]
        assert await texts(client, (1, 2, 3)) == ["#010203"]

    with_client(options, use)


def test_time_spent_waiting_for_the_memory_that_others_fill_is_not_reading(options: Options, tmp_path: Path) -> None:
    limit_s = 2.0  # of which reading takes some hundredths

    async def use(client: WorkerClient) -> None:
        large = (1000, 600)  # two are more pixels than may be in memory at once
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client._supervisor, "_limits", WorkerLimits(20, LONG_S))
            held = asyncio.create_task(client.read(fakes.photo(fakes.HELD, large)))
            await until((tmp_path / "held").exists)
        waiting = asyncio.create_task(client.read(fakes.photo((1, 2, 3), large)))
        await asyncio.sleep(1.2 * limit_s)
        assert not waiting.done()
        fakes.let_go(options)
        assert [read.lines[0].text for read in await asyncio.gather(held, waiting)] == ["#0000fe", "#010203"]

    with_client(options, use, limits=WorkerLimits(20, limit_s))


def test_a_hanging_process_does_not_stop_a_restart(options: Options, time_limits: TimeLimits) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (worker,) = workers()
        worker.suspend()
        hanging = asyncio.create_task(client.read(fakes.photo((9, 9, 9))))
        await until(lambda: client.state().reading == 1)
        client.restart()
        await until(lambda: client.state().restarts["requested"] == 1)
        assert await texts(client, (1, 2, 3), (4, 5, 6)) == ["#010203", "#040506"]
        time_limits.run_out()
        with pytest.raises(ReadingTimedOut):
            await hanging
        await asyncio.to_thread(psutil.wait_procs, [worker], LONG_S)
        assert client.state().restarts == {
            "requested": 1,
            "idle": 0,
            "memory": 0,
            "died": 0,
            "timed_out": 1,
            "failed": 0,
        }

    with_client(options, use)


def test_an_upload_of_60_mb_arrives_even_if_the_process_is_frozen_on_the_way(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        (worker,) = workers()
        reading = asyncio.create_task(client.read(fakes.photo((1, 2, 3)) + bytes(60_000_000)))
        for _ in range(5):
            await asyncio.sleep(0.005)
            worker.suspend()
            await asyncio.sleep(0.005)
            worker.resume()
        assert (await reading).lines[0].text == "#010203"
        assert workers() == [worker]

    with_client(options, use)


def test_a_process_that_no_thread_can_be_started_for_is_refused_and_ends(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def use() -> None:
        monkeypatch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(RunnerUnavailable, match="can't start new thread"):
            await WorkerProcess.start("colour", options, slots=1, timings=Timings())
        assert workers() == []

    asyncio.run(use())


def test_no_file_descriptor_is_left_behind_by_restarts(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        async def restart() -> None:
            before = workers()
            client.restart()
            await asyncio.to_thread(psutil.wait_procs, before, LONG_S)
            await until(lambda: len(workers()) == 1)
            await texts(client, (1, 2, 3))

        await client.start()
        await restart()
        most = psutil.Process().num_fds()
        for _ in range(3):
            await restart()
            await until(lambda: psutil.Process().num_fds() <= most)  # the last worker's may be closed later

    with_client(options, use)


@pytest.mark.parametrize("colour", [fakes.FAILS, fakes.HUNGRY, fakes.BREAKS, fakes.KILLS])
def test_a_photo_that_failed_is_kept_by_nobody(options: Options, colour: fakes.Colour) -> None:
    async def use(client: WorkerClient) -> None:
        freed = Noted.freed
        with pytest.raises(OcrError):
            await client.read(Noted(fakes.photo(colour)))
        await until(lambda: Noted.freed > freed)

    with without_collector():
        with_client(options, use)


def test_a_photo_that_took_too_long_is_kept_by_nobody(options: Options) -> None:
    async def use(client: WorkerClient) -> None:
        await client.start()
        workers()[0].suspend()
        freed = Noted.freed
        with pytest.raises(ReadingTimedOut):
            await client.read(Noted(fakes.photo((1, 2, 3))))
        await until(lambda: Noted.freed > freed)

    with without_collector():
        with_client(options, use, limits=WorkerLimits(1, 0.5))


def test_a_worker_imports_nothing_that_it_could_do_without() -> None:
    code = "import sys, worker.main, runners.openvino; print([name for name in sys.argv[1:] if sys.modules.get(name)])"
    needless = ["asyncio", "openvino.tools.ovc", "onnx", "pydantic", "starlette", "bentoml"]
    ran = subprocess.run([sys.executable, "-c", code, *needless], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
