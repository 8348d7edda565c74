"""One child process at a time: started for a photo, replaced without losing any, ended when it is not needed."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from logs import log
from ocr.errors import OcrError, ReadingTimedOut, RunnerUnavailable
from ocr.types import Reading
from runners import nvidia
from runners.base import Options
from runners.registry import RUNNERS
from worker.backoff import Backoff
from worker.memory import NONE, Memory, give_back, resident
from worker.process import KilledWhileLoading, ProcessDied, WorkerProcess

PATIENCE = 5.0
"""Seconds that a photo waits at the most when children fail to start: enough for four attempts."""

LOADING = 120.0
"""Seconds that loading a model may take; about 1 is usual."""

MEMORY_PAUSE = 60.0
"""Seconds between two replacements because of memory at the least: each costs about a second of loading."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a child is held to.

    `parallel` photos are read in it at once, and reading one may take `timeout` seconds. The child ends after `idle`
    seconds without a photo (0: never), and is replaced when it holds more than `memory` bytes after a photo (0: any).
    """

    parallel: int
    timeout: float
    idle: float = 0
    memory: int = 0


class Supervisor:
    """Holds the child that takes photos.

    `runners` are the names to try, in order of preference; `why` says which could be loaded. `restarts` counts
    by reason why children were replaced, ended or lost.
    """

    def __init__(self, runners: Sequence[str], options: Options, bounds: WorkerLimits) -> None:
        self._runners = list(runners)
        self._options = options
        self._bounds = bounds
        self._process: WorkerProcess | None = None
        self._starting = asyncio.Lock()
        self._replacement: asyncio.Task[None] | None = None
        self._mending: asyncio.Task[None] | None = None
        self._draining: set[WorkerProcess] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._backoff = Backoff()
        self._problem = "no model has been loaded yet"
        self._release: asyncio.TimerHandle | None = None
        self._memory_due = 0.0
        self._peak = 0
        self._closed = False
        self.users = 0
        self.why = ""
        self.restarts = Counter(dict.fromkeys(("requested", "idle", "memory", "died", "timed_out"), 0))

    @property
    def chosen(self) -> str:
        """The runner that reads, or the first to be tried if none was loaded yet."""
        return self._runners[0]

    @property
    def model(self) -> str:
        """The model that it reads with."""
        return RUNNERS[self.chosen].describe_model(self._options)

    @property
    def process(self) -> WorkerProcess | None:
        """The child that takes the next photo, if there is one."""
        return self._process if self._process and self._process.alive else None

    @property
    def ready(self) -> bool:
        """Whether the next photo would be taken at once: by the child, or by one that would be started for it."""
        return self.process is not None or not (self._problem or self._backoff.left)

    async def read(self, photo: bytes) -> Reading:
        """Read a photo in the child, or in a new one if there is none.

        Raises:
            UnreadablePhoto, ReadingFailed: as the runner said.
            ReadingTimedOut: it took too long; the child is killed.
            ProcessDied: the child ended meanwhile.
            RunnerUnavailable: there is no child and none can be started.
        """
        self.users += 1
        try:
            return await self._read(photo, await self.started())
        finally:
            self.users -= 1
            self._rest()

    async def _read(self, photo: bytes, process: WorkerProcess) -> Reading:
        seconds = self._bounds.timeout
        try:
            reading = await process.read(photo, seconds)
        except ProcessDied:
            self._lost(process, "died")
            raise
        except TimeoutError:
            log.error("a photo of %d bytes took over %g s: its process is killed", len(photo), seconds)
            process.kill()
            self._lost(process, "timed_out")
            raise ReadingTimedOut(f"reading this photo took over {seconds:g} s (OCR_TIMEOUT)") from None
        except OcrError:
            self._survived(process)
            raise
        self._survived(process)
        return reading

    async def started(self) -> WorkerProcess:
        """The child, started if there is none.

        After a crash, the pause before the next start is waited for: a photo that got an error would be missing in
        the search until somebody has it read again, and the next child works most of the time. If children do not
        even start, waiting seldom helps: then it is said within PATIENCE, and at once while the pause is longer.
        """
        if self._closed:  # a channel may still hold the answer to a photo that was given up
            raise RunnerUnavailable("the service is stopping")
        give_up = time.monotonic() + PATIENCE
        self._notice_death()
        if self._process is None:
            async with self._starting:
                while self._process is None:
                    await self._pause(give_up)
                    await self._try_to_start()
        return self._process

    def _notice_death(self) -> None:
        if self._process and not self._process.alive:
            log.warning("the child process ended while it was idle")
            self._lost(self._process, "died")

    async def _pause(self, give_up: float) -> None:
        left = self._backoff.left
        if self._problem and time.monotonic() + left > give_up:
            raise RunnerUnavailable(self._problem)
        await asyncio.sleep(left)

    async def _try_to_start(self) -> None:
        try:
            self._process = await self._start()
        except RunnerUnavailable as error:
            self._problem = str(error)
            self._backoff.failed()
            log.error("no child process can be started; next attempt in %.0f s at the earliest", self._backoff.left)
            if self._mending is None or self._mending.done():
                self._mending = self._keep(self._mend())
        self._rest()

    async def _mend(self) -> None:
        """Try until a child starts: what is not ready may be sent no photo that has it tried."""
        while not (self._process or self._closed):
            await asyncio.sleep(self._backoff.left)
            with suppress(RunnerUnavailable):
                await self.started()

    async def _start(self) -> WorkerProcess:
        problems = []
        for name in self._runners:
            try:
                process = await self._start_runner(name)
            except KilledWhileLoading:  # another runner would only be in the same trouble, or worse than this one
                raise
            except RunnerUnavailable as error:
                problems.append(str(error))
                log.warning("%s", error)
            else:
                self.why = "; ".join([*problems, f"{name} could be loaded"])
                self._runners = [name, *(other for other in self._runners if other != name)]
                log.info("ready to read with model %s on %s: %s", self.model, process.device, self.why)
                self._problem = ""
                return process
        raise RunnerUnavailable("; ".join(problems))

    async def _start_runner(self, name: str) -> WorkerProcess:
        try:
            async with asyncio.timeout(LOADING):
                return await WorkerProcess.start(name, self._options, slots=self._bounds.parallel)
        except TimeoutError:
            raise RunnerUnavailable(f"{name} was not loaded within {LOADING:g} s") from None

    def restart(self, reason: str = "requested") -> None:
        """Replace the child in the background; several calls during one replacement are one.

        If none is loaded and nothing is wrong, there is no memory to be given back and nothing to do.
        """
        self._notice_death()
        if (self._process or self._problem) and (self._replacement is None or self._replacement.done()):
            self._replacement = self._keep(self._replace(reason))

    async def _replace(self, reason: str) -> None:
        async with self._starting:
            try:
                new = await self._start()
            except RunnerUnavailable:
                log.error("restart: no new child process can be started, so nothing changes")
                return
            old, self._process = self._process, new
        if old:
            self.restarts[reason] += 1
            self._retire(old)
        self._rest()

    def _rest(self) -> None:
        """If nothing is read, end the child after the idle time; a photo that comes before starts that time anew."""
        if self._release:
            self._release.cancel()
        if self._bounds.idle and self._process and not self.users:
            later = asyncio.get_running_loop().call_later
            self._release = later(self._bounds.idle, self._end_idle, context=Context())  # of no request

    def _end_idle(self) -> None:
        # No photo can slip in between the look at `users` and the handing over: nothing is awaited here.
        self._notice_death()
        if self._process and not self.users:
            log.info("no photo for %g s: the child process ends, the next photo starts it again", self._bounds.idle)
            process, self._process = self._process, None
            self.restarts["idle"] += 1
            self._retire(process)
            give_back()

    def memory(self) -> Memory:
        """That of the child now, and the most that any child was seen to hold."""
        now, peak = resident(self._process.pid) if self._process else NONE
        self._peak = max(self._peak, peak)
        return Memory(now, self._peak)

    def _survived(self, process: WorkerProcess) -> None:
        self._backoff.succeeded()
        held = self.memory().now
        if process is self._process and 0 < self._bounds.memory < held and time.monotonic() >= self._memory_due:
            self._relieve(held)

    def _relieve(self, held: int) -> None:
        self._memory_due = time.monotonic() + MEMORY_PAUSE
        log.warning(
            "the child process holds %.0f MB (OCR_MEMORY_LIMIT_MB is %.0f): it is replaced, at most every %g s",
            *(held / 1e6, self._bounds.memory / 1e6, MEMORY_PAUSE),
        )
        self.restart("memory")

    def _lost(self, process: WorkerProcess, reason: str) -> None:
        """Count a child that has died or was killed, once, and take no more photos to it."""
        if process is self._process:
            self._process = None
            self._keep(process.close())
        elif process in self._draining:
            self._draining.discard(process)
        else:
            return
        self.restarts[reason] += 1
        self._backoff.failed()

    def _retire(self, process: WorkerProcess) -> None:
        """Let a child finish what it reads, then end it."""
        self._draining.add(process)
        self._keep(process.close()).add_done_callback(lambda _: self._draining.discard(process))

    def refuse(self) -> None:
        """Read nothing any more, and start no child."""
        self._closed = True

    async def close(self) -> None:
        """End all children at once; nobody waits for an answer any more."""
        self.refuse()
        if self._release:
            self._release.cancel()
        for task in filter(None, (self._replacement, self._mending)):
            task.cancel()
        if self._process:
            self._retire(self._process)
            self._process = None
        for process in self._draining:
            process.kill()
        await asyncio.gather(*self._background, return_exceptions=True)
        nvidia.clean_up()

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task
