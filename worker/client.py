"""The service's reader: photos one after another into a child process, none of them lost with it."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from logs import log
from ocr.errors import UnreadablePhoto
from ocr.types import Reading
from runners.base import Options
from worker.fair_slots import FairSlots
from worker.memory import Memory, resident
from worker.process import ProcessDied, WorkerProcess
from worker.supervisor import Supervisor, WorkerLimits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """What there is to know about a reader at one moment.

    `why` says how it came to `runner`, which reads with `model`. `device` is empty while no model is `loaded`.
    `uptime` is in seconds, `photos` counts those that were read, `restarts` the children by the reason why they were
    replaced, ended or lost. `memory` is that of this process, `service`, and of the `child`, which holds none while no
    model is loaded; its peak is that of all children so far.
    """

    ready: bool
    loaded: bool
    runner: str
    model: str
    why: str
    device: str
    uptime: float
    photos: int
    reading: int
    waiting: int
    restarts: dict[str, int]
    memory: dict[str, Memory]


class WorkerClient:
    """Reads photos in a child process, so many at a time; the others wait, first come first served.

    A photo whose child dies is read again. It is a suspect then: it is read alone, so that it can take no other
    along, and before those that wait, as it came before them.
    """

    def __init__(self, runners: Sequence[str], options: Options, bounds: WorkerLimits) -> None:
        self._supervisor = Supervisor(runners, options, bounds)
        self._places = FairSlots(bounds.parallel)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = time.monotonic()
        self._photos = 0

    def state(self) -> State:
        """What is true now."""
        supervisor = self._supervisor
        process = supervisor.process
        return State(
            ready=supervisor.ready,
            loaded=process is not None,
            runner=supervisor.chosen,
            model=supervisor.model,
            why=supervisor.why,
            device=process.device if process else "",
            uptime=time.monotonic() - self._started,
            photos=self._photos,
            reading=supervisor.users,
            waiting=self._places.waiting,
            restarts=dict(supervisor.restarts),
            memory={"service": resident(os.getpid()), "worker": supervisor.memory()},
        )

    def start(self) -> "asyncio.Task[WorkerProcess]":
        """Load the runner now rather than with the first photo; who wants to wait for it can."""
        return self._keep(asyncio.create_task(self._supervisor.started()))

    async def read(self, photo: bytes) -> Reading:
        """Read a photo; a caller that is cancelled while it waits costs nothing.

        Raises:
            UnreadablePhoto: it is no photo, or it killed two child processes.
            RunnerUnavailable: no runner can be loaded.
            ReadingFailed, ReadingTimedOut: the runner failed on it, or took too long.
        """
        start = time.perf_counter()
        await self._places.take()
        waited = time.perf_counter() - start
        try:
            reading = await self._attempt(photo)
        except ProcessDied:
            log.warning("the child process died while it read a photo of %d bytes: reading it again", len(photo))
            reading = await self._read_suspect(photo)
        reading.seconds["wait"] = waited
        self._photos += 1
        return reading

    async def _read_suspect(self, photo: bytes) -> Reading:
        await self._places.take(alone=True)
        try:
            return await self._attempt(photo, alone=True)
        except ProcessDied:
            log.error("a photo of %d bytes killed two child processes", len(photo))
            raise UnreadablePhoto("reading this photo crashed the reader or took all memory, twice") from None

    async def _attempt(self, photo: bytes, *, alone: bool = False) -> Reading:
        """Read a photo once, and give its place back when the child is done with it, not when the caller leaves."""
        attempt = self._keep(asyncio.create_task(self._supervisor.read(photo)))
        attempt.add_done_callback(lambda _: self._places.give_back(alone=alone))
        try:
            return await asyncio.shield(attempt)
        finally:
            del attempt  # its exception knows this frame: the photo would be kept until the next garbage collection

    def _keep(self, task: "asyncio.Task[T]") -> "asyncio.Task[T]":
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # who waited for it may be gone
        return task

    def restart(self) -> None:
        """Replace the child process in the background; several calls during one replacement are one."""
        self._supervisor.restart()

    async def close(self) -> None:
        """End the child process. What it still reads is of callers that have left."""
        self._supervisor.refuse()  # or who is next in the queue has one started
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._supervisor.close()
