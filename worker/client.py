"""What the service calls to read photos: `parallel` at a time, none of them lost with a worker."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from logs import log
from ocr.errors import EngineFailed, OutOfMemory, UnreadablePhoto
from ocr.types import Reading
from runners.base import Options
from worker.fair_slots import FairSlots
from worker.memory import Memory, resident
from worker.process import WorkerDied, WorkerProcess
from worker.supervisor import Supervisor, WorkerLimits
from worker.timings import Timings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What is true of the worker at one moment."""

    ready: bool
    """Whether the next photo would be taken at once."""

    loaded: bool
    """Whether a model is in memory; if not, the next photo has it loaded."""

    runner: str
    """The runner that reads, or is the first to be tried."""

    model: str
    """The model that it reads with."""

    languages: list[str]
    """What that model reads, as far as it is known."""

    advice: str
    """What would make it read much faster here; empty if nothing is known to."""

    why: str
    """How it came to this runner; empty if none was loaded yet."""

    device: str
    """What the runner runs on, in words; empty until a model has been loaded."""

    optimisations: list[str]
    """What makes its networks faster; empty until a model has been loaded."""

    uptime: float
    """Seconds since the service was started."""

    photos: int
    """Photos that were read since then."""

    reading: int
    """Photos that are being read, or wait for a worker to be started."""

    waiting: int
    """Photos that wait for their turn."""

    restarts: dict[str, int]
    """Workers that were replaced, ended or lost, by the reason."""

    memory: dict[str, Memory]
    """Of the `service`'s process, and of the `worker`; its peak is that of all workers so far."""


class WorkerClient:
    """Reads photos in a worker, `limits.parallel` at a time; the others wait, first come first served.

    A photo whose worker dies, or whose engine fails or lacks memory, becomes a suspect and is read again: alone, so
    that it cannot take others down, nor they its memory, and ahead of the queue, since it came first.
    """

    def __init__(
        self, runners: Sequence[str], options: Options, limits: WorkerLimits, timings: Timings | None = None
    ) -> None:
        self._supervisor = Supervisor(runners, options, limits, timings or Timings())
        self._slots = FairSlots(limits.parallel)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = time.monotonic()
        self._photos = 0

    def state(self) -> WorkerStatus:
        """What is true now."""
        supervisor, worker = self._supervisor, self._supervisor.worker
        return WorkerStatus(
            ready=supervisor.ready,
            loaded=worker is not None,
            runner=supervisor.launcher.runner,
            model=supervisor.launcher.model,
            languages=supervisor.launcher.languages,
            advice=supervisor.launcher.advice,
            why=supervisor.launcher.why,
            device=supervisor.launcher.device,
            optimisations=supervisor.launcher.optimisations,
            uptime=time.monotonic() - self._started,
            photos=self._photos,
            reading=supervisor.in_flight,
            waiting=self._slots.waiting,
            restarts=dict(supervisor.restarts),
            memory={"service": resident(os.getpid()), "worker": supervisor.memory()},
        )

    def start(self) -> "asyncio.Task[WorkerProcess]":
        """Load the model now instead of with the first photo; the task ends when it is loaded."""
        return self._keep(asyncio.create_task(self._supervisor.get_worker()))

    async def read(self, photo: bytes) -> Reading:
        """Read a photo; a caller that is cancelled while it waits costs nothing.

        Raises:
            UnreadablePhoto: it is no photo, or it killed two workers.
            RunnerUnavailable: no runner can be loaded.
            ReadingFailed, ReadingTimedOut: the runner failed on it, or took too long.
            OutOfMemory: the memory was short, even for this photo alone.
        """
        start = time.perf_counter()
        await self._slots.take()
        waited = time.perf_counter() - start
        try:
            reading = await self._attempt(photo)
        except (WorkerDied, EngineFailed):
            log.warning("the worker died while it read a photo of %d bytes: reading it again", len(photo))
            reading = await self._read_suspect(photo)
        except OutOfMemory:
            log.warning("there was not enough memory for a photo of %d bytes: reading it again, alone", len(photo))
            reading = await self._read_suspect(photo)
        reading.seconds["wait"] = waited
        self._photos += 1
        return reading

    async def _read_suspect(self, photo: bytes) -> Reading:
        await self._slots.take(alone=True)
        try:
            return await self._attempt(photo, alone=True)
        except WorkerDied:
            log.error("a photo of %d bytes killed two workers", len(photo))
            raise UnreadablePhoto("reading this photo crashed the reader or took all memory, twice") from None

    async def _attempt(self, photo: bytes, *, alone: bool = False) -> Reading:
        """Read a photo once; its slot is given back when the worker is done with it, not when the caller leaves.

        Unless the worker has not got it yet: another one may be starting, after this photo or its neighbour had the
        last one killed.
        """
        begun = asyncio.Event()
        attempt = self._keep(asyncio.create_task(self._supervisor.read(photo, begun)))
        attempt.add_done_callback(lambda _: self._slots.give_back(alone=alone))
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            if not begun.is_set():
                attempt.cancel()
            raise
        finally:
            del attempt  # its exception knows this frame: the photo would be kept until the next garbage collection

    def _keep(self, task: "asyncio.Task[T]") -> "asyncio.Task[T]":
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # its caller may be gone
        return task

    def restart(self) -> None:
        """Replace the worker in the background; several calls during one replacement are one."""
        self._supervisor.restart()

    async def close(self) -> None:
        """End the worker. The callers of what it still reads are gone."""
        self._supervisor.refuse()  # else the next queued photo would start one
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._supervisor.close()
