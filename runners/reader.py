"""The service's reader: always one child process that takes photos, replaced without losing any."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from logs import log
from ocr.errors import ReadingTimedOut, RunnerUnavailable, UnreadablePhoto
from ocr.types import Reading
from runners import RUNNERS
from runners.base import Options
from runners.process import ProcessDied, RunnerProcess


class Reader:
    """Reads photos in a child process, at most `parallel` at a time; the others wait, first come first served.

    `runners` are the names to try, in order of preference; `why` says which could be loaded. `waiting` and
    `reading` count photos, `restarts` the processes that ended, by reason. A photo that takes more than
    `timeout` seconds ends with its process; the photos beside it are read again.
    """

    def __init__(self, runners: Sequence[str], options: Options, *, parallel: int, timeout: float) -> None:
        self._runners = list(runners)
        self._options = options
        self._parallel = parallel
        self._timeout = timeout
        self._places = asyncio.Semaphore(parallel)
        self._alone = asyncio.Lock()
        self._starting = asyncio.Lock()
        self._restart: asyncio.Task[None] | None = None
        self._process: RunnerProcess | None = None
        self._background: set[asyncio.Task[object]] = set()
        self._closed = False
        self.waiting = 0
        self.reading = 0
        self.why = ""
        self.restarts = Counter({"requested": 0, "died": 0, "timed_out": 0})

    @property
    def chosen(self) -> str:
        """The runner that reads, or the first to be tried if none is loaded yet."""
        return self._runners[0]

    @property
    def device(self) -> str:
        """What the runner runs on; empty while none is loaded."""
        return self._process.device if self._process else ""

    @property
    def child(self) -> int | None:
        """The process id of the child process, if there is one."""
        return self._process.pid if self._process else None

    @property
    def ready(self) -> bool:
        """Whether a child process is there to take the next photo."""
        return self._process is not None and self._process.alive

    async def start(self) -> None:
        """Load the runner now rather than with the first photo."""
        await self._current()

    async def read(self, photo: bytes) -> Reading:
        """Read a photo; a caller that is cancelled while it waits costs nothing.

        Raises:
            UnreadablePhoto: it is no photo, or it killed two child processes.
            RunnerUnavailable: no runner can be loaded.
            ReadingFailed, ReadingTimedOut: the runner failed on it, or took too long.
        """
        start = time.perf_counter()
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        waited = time.perf_counter() - start
        task = asyncio.create_task(self._read(photo))
        self._keep(task)
        reading = await asyncio.shield(task)  # the child cannot be interrupted: its place stays taken
        reading.seconds["wait"] = waited
        return reading

    def restart(self) -> None:
        """Replace the child process in the background; several calls during one replacement are one."""
        if self._restart is None or self._restart.done():
            self._restart = asyncio.create_task(self._replace())
            self._keep(self._restart)

    async def close(self) -> None:
        """End the child process once it has answered what it was asked."""
        self._closed = True
        await asyncio.gather(*self._background, return_exceptions=True)  # readings, replacements, older processes
        async with self._starting:
            if self._process:
                await self._process.close()
                self._process = None

    async def _read(self, photo: bytes) -> Reading:
        try:
            return await self._read_once(photo)
        except ProcessDied:
            log.warning("the child process died while it read a photo of %d bytes: reading it again", len(photo))
        finally:
            self._places.release()
        async with self._alone:  # one suspect at a time, and nothing beside it that it could take along
            for _ in range(self._parallel):
                await self._places.acquire()
            try:
                return await self._read_once(photo)
            except ProcessDied:
                log.error("a photo of %d bytes killed two child processes", len(photo))
                raise UnreadablePhoto("reading this photo crashed the reader, twice") from None
            finally:
                for _ in range(self._parallel):
                    self._places.release()

    async def _read_once(self, photo: bytes) -> Reading:
        process = await self._current()
        self.reading += 1
        try:
            async with asyncio.timeout(self._timeout):
                return await process.read(photo)
        except ProcessDied:
            self._let_go(process, "died")
            raise
        except TimeoutError:
            log.error("a photo of %d bytes took over %g s: its process is killed", len(photo), self._timeout)
            process.kill()
            self._let_go(process, "timed_out")
            raise ReadingTimedOut(f"reading this photo took over {self._timeout:g} s (OCR_TIMEOUT)") from None
        finally:
            self.reading -= 1

    async def _current(self) -> RunnerProcess:
        async with self._starting:
            if self._process and not self._process.alive:
                log.warning("the child process ended while it was idle")
                self._let_go(self._process, "died")
            if self._process is None:
                self._process = await self._start()
            return self._process

    async def _replace(self) -> None:
        try:
            new = await self._start()
        except RunnerUnavailable:
            log.error("restart: the old child process goes on, as no new one can be started")
            return
        async with self._starting:
            old, self._process = self._process, new
        if old:
            self.restarts["requested"] += 1
            self._keep(asyncio.create_task(old.close()))

    async def _start(self) -> RunnerProcess:
        if self._closed:
            raise RunnerUnavailable("the service is stopping")
        problems = []
        for name in self._runners:
            try:
                process = await RunnerProcess.start(name, self._options, slots=self._parallel)
            except RunnerUnavailable as error:
                problems.append(str(error))
                log.warning("%s", error)
            else:
                self.why = "; ".join([*problems, f"{name} could be loaded"])
                log.info("ready to read with model %s on %s: %s", self._options.model, process.device, self.why)
                self._runners = [name, *(other for other in self._runners if other != name)]
                return process
        raise RunnerUnavailable("; ".join(problems))

    def _let_go(self, process: RunnerProcess, reason: str) -> None:
        """Take no more photos to a process that has ended, or is about to."""
        if self._process is process:
            self.restarts[reason] += 1
            self._process = None
            self._keep(asyncio.create_task(process.close()))

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # its waiter may be gone


def candidates(setting: str) -> list[str]:
    """The runners to try for a value of OCR_RUNNER; `auto` prefers OpenVINO.

    Raises:
        RunnerUnavailable: the package of the runner is not installed.
    """
    wanted = list(RUNNERS) if setting == "auto" else [setting]
    installed = [name for name in wanted if find_spec(RUNNERS[name].engine)]
    if not installed:
        engines = " or ".join(RUNNERS[name].engine for name in wanted)
        raise RunnerUnavailable(f"OCR_RUNNER={setting} needs the package {engines}: make setup TARGET={wanted[-1]}")
    return installed
