"""One worker process, seen from the service (docs/adr/0003)."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO, Any, Self

from logs import escape, log, request_id
from ocr.errors import EngineFailed, OutOfMemory, ReadingFailed, RunnerUnavailable
from ocr.types import Reading
from runners.base import Options
from runners.registry import RUNNERS
from worker.async_channel import AsyncChannel
from worker.protocol import (
    ERRORS,
    ConnectionEnded,
    Job,
    Loaded,
    Message,
    NotRead,
    Photo,
)
from worker.timings import Timings

ROOT = Path(__file__).resolve().parent.parent
KEYS = frozenset({"API_AUTH_KEY", "CLIP_API_KEY"})
"""Variables that the worker, in which libraries decode what anyone sends, does not get."""

MAX_FAILURES = 3
"""Photos in a row on which an engine may fail: then it is not the photos."""


class WorkerDied(Exception):
    """The worker ended before it answered."""


class KilledWhileLoading(RunnerUnavailable):
    """The worker was killed, for example by the kernel for want of memory: its runner may be fine."""

    def __init__(self, runner: str) -> None:
        super().__init__(f"{runner} died while it was loading (killed, as happens when memory runs out)")


class WorkerProcess:
    """A process with a loaded runner, which reads as many photos at the same time as it has slots.

    `device` says what the runner runs on, `optimisations` what makes its networks faster.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], channels: Sequence[AsyncChannel], loaded: Loaded, timings: Timings
    ) -> None:
        self._process = process
        self._channels = channels
        self._timings = timings
        self._slots = len(channels) - 1
        self._free_channels: asyncio.LifoQueue[AsyncChannel] = asyncio.LifoQueue()
        for channel in channels[1:]:
            self._free_channels.put_nowait(channel)
        self._reading = 0
        self._drained = asyncio.Event()
        self._drained.set()
        self._killed = False
        self._failures = 0  # photos in a row on which the engine failed
        self.device = loaded.device
        self.optimisations = loaded.optimisations

    @classmethod
    async def start(cls, runner: str, options: Options, *, slots: int, timings: Timings) -> Self:
        """Start a worker and wait until its runner is loaded; a call that is cancelled leaves no process behind.

        Raises:
            RunnerUnavailable: the runner cannot be loaded here.
        """
        entry = RUNNERS[runner]
        job = Job(entry.class_path, replace(options, model=entry.choose_model(options)))
        pairs: list[tuple[socket.socket, socket.socket]] = []
        try:
            pairs.extend(socket.socketpair() for _ in range(1 + slots))
            process = _popen(job, entry.environment(), [pair[1] for pair in pairs])
        except (OSError, RuntimeError) as error:  # no more file descriptors, processes, memory or threads
            for end in chain(*pairs):
                end.close()
            raise RunnerUnavailable(f"no worker process can be started: {error}") from error
        channels: list[AsyncChannel] = []
        try:
            for ours, _ in pairs:
                channels.append(await AsyncChannel.open(ours))
            return cls(process, channels, await _load(process, channels[0], runner), timings)
        except BaseException:
            process.kill()
            for ours, _ in pairs[len(channels) :]:
                ours.close()
            await _finish(_end(process, channels, timings))
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    async def read(self, file: bytes, timeout_s: float) -> Reading:
        """Read a photo, when a slot is free.

        It has `timeout_s` seconds from when reading begins; before that it may wait for memory that others use,
        `timeout_s` per slot at most. On a timeout or a cancellation the worker is killed: nobody else may get that
        answer.

        Raises:
            UnreadablePhoto, ReadingFailed, OutOfMemory: as the runner said.
            EngineFailed: the same, or it was the last of MAX_FAILURES in a row; the process is not to be used again.
            WorkerDied: the worker ended before it answered.
            TimeoutError: it took too long.
        """
        channel = await self._free_channels.get()
        self._reading += 1
        self._drained.clear()
        try:
            answer = await self._ask(channel, Photo(request_id.get(), file), timeout_s)
        except BaseException:
            self.kill()
            raise
        finally:
            self._free_channels.put_nowait(channel)
            self._reading -= 1
            if not self._reading:
                self._drained.set()
        match answer:
            case Reading():
                self._failures = 0
                return answer
            case NotRead(error, problem):
                kind = ERRORS[error]
                self._failures += issubclass(kind, ReadingFailed | OutOfMemory)
                raise (EngineFailed if self._failures >= MAX_FAILURES else kind)(problem)
        raise TypeError(f"a worker answered a photo with {answer}")

    async def _ask(self, channel: AsyncChannel, photo: Photo, timeout_s: float) -> Message:
        if self._killed:
            raise WorkerDied
        try:
            async with asyncio.timeout(timeout_s * self._slots):
                await channel.send(photo)
                await channel.receive()  # Begun
            async with asyncio.timeout(timeout_s):
                return await channel.receive()
        except ConnectionEnded:
            raise WorkerDied from None

    async def close(self) -> None:
        """Wait until no photo is being read, then end the process; all of its memory is free afterwards."""
        await self._drained.wait()
        await _end(self._process, self._channels, self._timings)

    def kill(self) -> None:
        """End the process at once; whoever waits for an answer of it gets WorkerDied."""
        self._killed = True
        self._process.kill()


async def _load(process: subprocess.Popen[bytes], control: AsyncChannel, runner: str) -> Loaded:
    """Wait until the worker says that its runner is loaded."""
    try:
        message = await control.receive()
    except ConnectionEnded:
        code = await asyncio.to_thread(process.wait)
        if code == -signal.SIGKILL:
            raise KilledWhileLoading(runner) from None
        raise RunnerUnavailable(f"{runner} died while it was loading (code {code})") from None
    if isinstance(message, Loaded):
        return message
    raise RunnerUnavailable(f"{runner} cannot be loaded: {getattr(message, 'problem', message)}")


async def _end(process: subprocess.Popen[bytes], channels: Sequence[AsyncChannel], timings: Timings) -> None:
    """Close a worker's sockets, which ends it, and wait for that; one that does not end in time is killed."""
    for channel in channels:
        await channel.close()
    try:
        await asyncio.to_thread(process.wait, timings.exit_grace_s)
    except subprocess.TimeoutExpired:
        log.warning("the worker did not end within %g s: it is killed", timings.exit_grace_s)
        process.kill()
        await asyncio.to_thread(process.wait)
    except RuntimeError:  # no more threads: nobody can wait for it, so it must not be able to stay
        process.kill()
        raise


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Do work to its end, and only then let a cancellation through that came meanwhile."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled:
        raise cancelled


def _popen(job: Job, settings: Mapping[str, str], theirs: list[socket.socket]) -> subprocess.Popen[bytes]:
    """Start a process with its socket ends, close them on this side, and log its stderr."""
    descriptors = [end.fileno() for end in theirs]
    environment = {name: value for name, value in os.environ.items() if name.upper() not in KEYS}
    try:
        # not asyncio's own subprocess: killing one races with its watcher, which then loses the exit code
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "worker.main", job.to_argument(), *map(str, descriptors)],
            cwd=ROOT,
            env=environment | dict(settings),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,
        )
        try:
            threading.Thread(target=_log_lines, args=(process.stderr,), daemon=True).start()
        except RuntimeError:  # no more threads
            with process:
                process.kill()
            raise
        return process
    finally:
        for end in theirs:
            end.close()


def _log_lines(stream: IO[bytes]) -> None:
    """Log what libraries in the worker print, such as those that decode pictures, until it ends."""
    with stream:
        for line in stream:
            log.warning("the worker says: %s", escape(line.decode(errors="replace").rstrip()))
