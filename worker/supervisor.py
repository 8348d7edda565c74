"""One worker at a time: started for a photo, replaced without losing any, ended when it is not needed.

The supervisor is a state machine:

    state      event                        next       what happens
    IDLE       a photo, start               PAUSING    the pause is waited out
    PAUSING    the pause is over            LOADING    a worker is started
    PAUSING    restart, after a failure     LOADING    the same, at once
    LOADING    the worker is loaded         SERVING    photos go to it
    LOADING    no runner can be loaded      PAUSING    photos out of patience get an error
    SERVING    restart, memory limit        REPLACING  a second worker is started
    SERVING    no photo for long            IDLE       the worker ends
    SERVING    the worker died, timed out   IDLE       it is counted; a pause before the next start
    SERVING    its engine failed            PAUSING    the same, and no photo is needed for that start
    REPLACING  the second one is loaded     SERVING    photos go to it; the first one ends after its last photo
    REPLACING  no runner can be loaded      SERVING    nothing changes
    REPLACING  it died, timed out, failed   LOADING    it is counted; photos wait for the second one
    any        close                        CLOSED     all workers are killed

An event that is not listed for a state is ignored.
"""

import asyncio
import enum
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from logs import log
from ocr.errors import EngineFailed, OcrError, ReadingTimedOut, RunnerUnavailable
from ocr.types import Reading
from runners import nvidia
from runners.base import Options
from worker.backoff import Backoff
from worker.launcher import Launcher
from worker.memory import NONE, Memory, resident, trim_heap
from worker.policies import IdleRelease, MemoryLimit
from worker.process import WorkerDied, WorkerProcess
from worker.timings import Timings

State = enum.Enum("State", "IDLE PAUSING LOADING SERVING REPLACING CLOSED")


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker is held to."""

    parallel: int
    """Photos that are read at the same time."""

    timeout_s: float
    """Seconds that reading one may take."""

    idle_s: float = 0
    """Seconds without a photo after which the worker ends; 0: never."""

    memory_bytes: int = 0
    """Bytes above which it is replaced after a photo; 0: any number."""


class Supervisor:
    """Holds the worker that takes photos; `restarts` counts why workers were replaced, ended or lost.

    `in_flight` counts the photos that are being read or wait for a worker.
    """

    def __init__(self, runners: Sequence[str], options: Options, limits: WorkerLimits, timings: Timings) -> None:
        self.launcher = Launcher(runners, options, limits.parallel, timings)
        self.restarts = Counter(dict.fromkeys(("requested", "idle", "memory", "died", "timed_out", "failed"), 0))
        self.in_flight = 0
        self._limits = limits
        self._patience_s = timings.patience_s
        self._idle_release = IdleRelease(limits.idle_s, self._on_idle)
        self._memory_limit = MemoryLimit(limits.memory_bytes, timings.memory_pause_s)
        self._backoff = Backoff(timings.pauses_s)
        self._state = State.IDLE
        self._changed = asyncio.Event()  # replaced by another with each change of the state
        self._serving: WorkerProcess | None = None
        self._workers: set[WorkerProcess] = set()  # the one that serves, and those that answer their last photos
        self._problem = "no model has been loaded yet"  # why no worker reads and none could be loaded, or empty
        self._loading: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._peak_bytes = 0

    @property
    def worker(self) -> WorkerProcess | None:
        """The worker that takes the next photo, if there is one."""
        return self._serving if self._serving and self._serving.alive else None

    @property
    def ready(self) -> bool:
        """Whether the next photo would be taken at once: by the worker, or by one that would be started for it."""
        return self.worker is not None or not (self._problem or self._backoff.left_s)

    async def read(self, file: bytes, begun: asyncio.Event) -> Reading:
        """Read a photo in the worker, or in a new one if there is none; `begun` is set when it gets the photo.

        Raises:
            UnreadablePhoto, ReadingFailed, OutOfMemory: as the runner said.
            EngineFailed: the same; the worker is killed.
            ReadingTimedOut: it took too long; the worker is killed.
            WorkerDied: the worker ended meanwhile.
            RunnerUnavailable: there is no worker and none can be started.
        """
        self.in_flight += 1
        try:
            worker = await self.get_worker()
            begun.set()
            return await self._read(file, worker)
        finally:
            self.in_flight -= 1
            self._idle_release.restart_clock()

    async def _read(self, file: bytes, worker: WorkerProcess) -> Reading:
        timeout_s = self._limits.timeout_s
        try:
            reading = await worker.read(file, timeout_s)
        except WorkerDied:
            self._on_lost(worker, "died")
            raise
        except TimeoutError:
            log.error("a photo of %d bytes took over %g s: its worker is killed", len(file), timeout_s)
            self._on_lost(worker, "timed_out")
        except EngineFailed:
            log.error("the engine failed, and not because of the photo: its worker is killed")
            worker.kill()  # what else it reads may come out wrong
            self._on_lost(worker, "failed")
            raise
        except OcrError:
            self._on_answered(worker)
            raise
        else:
            self._on_answered(worker)
            return reading
        # outside the block: with the TimeoutError as its context, this error would keep the photo in a reference cycle
        raise ReadingTimedOut(f"reading this photo took over {timeout_s:g} s (OCR_TIMEOUT)")

    async def get_worker(self) -> WorkerProcess:
        """The worker, started if there is none.

        After a crash, this waits out the pause: a photo answered with an error would be missing from MT Photos' search
        until it is sent again, and the next worker usually works. If workers fail even to start, waiting seldom helps:
        this raises within `patience_s`, and at once if the pause is longer.
        """
        give_up = time.monotonic() + self._patience_s
        while True:
            self._notice_death()
            if self._state is State.CLOSED:
                raise RunnerUnavailable("the service is stopping")
            if self._serving:
                return self._serving
            if self._state is State.IDLE:
                self._begin()
            if self._state is State.PAUSING and self._problem and time.monotonic() + self._backoff.left_s > give_up:
                raise RunnerUnavailable(self._problem)
            await self._changed.wait()

    def restart(self, reason: str = "requested") -> None:
        """Replace the worker in the background. Does nothing unless one is serving or failed to load."""
        self._notice_death()
        if self._state is State.SERVING:
            self._enter(State.REPLACING)
            self._load_in_background(reason)
        elif self._state is State.PAUSING and self._problem and self._loading:
            self._loading.cancel()
            self._backoff.reset()
            self._load_in_background(reason)

    def _begin(self) -> None:
        self._enter(State.PAUSING)
        self._load_in_background("")

    def _load_in_background(self, reason: str) -> None:
        self._loading = self._keep(self._load(reason))

    async def _load(self, reason: str) -> None:
        """Start workers until one is loaded; `reason` is why it replaces another."""
        while self._state is not State.CLOSED:
            if self._state is State.PAUSING:
                await asyncio.sleep(self._backoff.left_s)
                self._enter(State.LOADING)
            try:
                worker = await self.launcher.launch()
            except RunnerUnavailable as error:
                problem = str(error)
            except Exception as error:  # noqa: BLE001 - logged, and given to waiting photos as the reason
                log.exception("unexpected error while starting a worker")
                problem = f"{type(error).__name__}: {error}"
            else:
                self._on_loaded(worker, reason)
                return
            if not self._on_load_failed(problem):
                return

    def _on_loaded(self, worker: WorkerProcess, reason: str) -> None:
        replaced, self._serving = self._serving, worker
        self._workers.add(worker)
        self._problem = ""
        if replaced:
            self.restarts[reason] += 1
            self._keep(self._retire(replaced))
        self._enter(State.SERVING)
        self._idle_release.restart_clock()

    def _on_load_failed(self, problem: str) -> bool:
        """Whether to try again: no, if the old worker still serves."""
        if self._state is State.REPLACING:
            log.error("no new worker can be started: the old one goes on")
            self._enter(State.SERVING)
            self._idle_release.restart_clock()  # it may have run out meanwhile
            return False
        self._problem = problem
        self._backoff.count_failure()
        log.error("no worker can be started; next attempt in %.0f s at the earliest", self._backoff.left_s)
        self._enter(State.PAUSING)
        return True

    def _on_answered(self, worker: WorkerProcess) -> None:
        self._backoff.reset()
        held = self.memory().now
        if worker is self._serving and self._memory_limit.should_replace(held):
            limit = self._limits.memory_bytes
            log.warning(
                "the worker holds %.0f MB (OCR_MEMORY_LIMIT_MB is %.0f): it is replaced", held / 1e6, limit / 1e6
            )
            self.restart("memory")

    def _on_lost(self, worker: WorkerProcess, reason: str) -> None:
        """Count a worker that has died or was killed, once, and send no more photos to it."""
        if worker not in self._workers:
            return
        self.restarts[reason] += 1
        self._backoff.count_failure()
        self._workers.discard(worker)
        if worker is self._serving:
            self._serving = None
            self._keep(self._retire(worker))
            self._enter(State.LOADING if self._state is State.REPLACING else State.IDLE)
            if reason == "failed":  # the next worker may fail too: until one is loaded, /readyz says that none reads
                self._problem = "the engine failed on the last photos; the log says how"
                if self._state is State.IDLE:
                    self._begin()

    def _on_idle(self) -> None:
        # Nothing is awaited here, so no photo can slip in after `in_flight` is checked.
        self._notice_death()
        if self._state is State.SERVING and self._serving and not self.in_flight:
            log.info("no photo for %g s: the worker ends until the next one comes", self._limits.idle_s)
            worker, self._serving = self._serving, None
            self.restarts["idle"] += 1
            self._keep(self._retire(worker))
            self._enter(State.IDLE)
            trim_heap()

    def _notice_death(self) -> None:
        if self._state is not State.CLOSED and self._serving and not self._serving.alive:
            log.warning("the worker was found dead")
            self._on_lost(self._serving, "died")

    def _enter(self, state: State) -> None:
        if self._state is not State.CLOSED:
            self._state = state
        self._changed.set()
        self._changed = asyncio.Event()

    def memory(self) -> Memory:
        """The worker's memory now, and the most that any was seen to hold."""
        now, peak = resident(self._serving.pid) if self._serving else NONE
        self._peak_bytes = max(self._peak_bytes, peak)
        return Memory(now, self._peak_bytes)

    async def _retire(self, worker: WorkerProcess) -> None:
        """Let a worker finish what it reads, then end it."""
        try:
            await worker.close()
        finally:
            self._workers.discard(worker)

    def refuse(self) -> None:
        """Refuse photos, and start no worker."""
        self._enter(State.CLOSED)

    async def close(self) -> None:
        """End all workers at once; nobody waits for an answer any more."""
        self.refuse()
        self._idle_release.stop()
        if self._loading:
            self._loading.cancel()
        for worker in self._workers:
            worker.kill()
        if self._serving:
            self._keep(self._retire(self._serving))
        while self._tasks:  # some begin another one
            await asyncio.gather(*self._tasks, return_exceptions=True)
        nvidia.clean_up()

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
