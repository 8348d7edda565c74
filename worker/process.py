"""A runner in a child process of its own, seen from the service (docs/adr/0003)."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from logs import log, printable, request_id
from ocr.errors import ReadingFailed, RunnerUnavailable, UnreadablePhoto
from ocr.types import Reading, TextLine
from runners.base import Options
from runners.registry import RUNNERS

ROOT = Path(__file__).resolve().parent.parent

GRACE = 5.0
"""Seconds that a child with nothing left to do has to end; one that is frozen never would."""


class ProcessDied(Exception):
    """The child process ended while it was asked something."""


class KilledWhileLoading(RunnerUnavailable):
    """Somebody, such as the kernel for want of memory, ended the child: its runner may be fine."""

    def __init__(self, runner: str) -> None:
        super().__init__(f"{runner} died while it was loading (killed, as happens when memory runs out)")


class WorkerProcess:
    """One child process with one loaded runner, which reads up to `slots` photos at a time.

    `device` is what the runner says it runs on.
    """

    def __init__(self, process: subprocess.Popen[bytes], control: "Channel", idle: list["Channel"]) -> None:
        self._process = process
        self._control = control
        self._idle = idle
        self._slots = len(idle)
        self._reading = 0
        self._drained = asyncio.Event()
        self.device = ""

    @classmethod
    async def start(cls, runner: str, options: Options, *, slots: int) -> Self:
        """Start a child and wait until its runner is loaded; one that is cancelled leaves no child behind.

        Raises:
            RunnerUnavailable: the runner cannot be loaded here.
        """
        entry = RUNNERS[runner]
        wanted = replace(options, model=entry.choose_model(options))
        job = json.dumps({"runner": entry.runner, "options": asdict(wanted)}, default=str)
        pairs: list[tuple[socket.socket, socket.socket]] = []
        try:
            pairs.extend(socket.socketpair() for _ in range(1 + slots))
            process = _popen(job, entry.environment(), [pair[1] for pair in pairs])
        except (OSError, RuntimeError) as error:  # no more file descriptors, processes or memory; no more threads
            for end in chain(*pairs):
                end.close()
            raise RunnerUnavailable(f"no child process can be started: {error}") from error
        control, *channels = [await Channel.open(pair[0]) for pair in pairs]
        started = cls(process, control, channels)
        try:
            started.device = await started._told_device()
        except BaseException as error:
            started.kill()
            await started.close()
            if isinstance(error, ProcessDied):
                if process.returncode == -signal.SIGKILL:
                    raise KilledWhileLoading(runner) from None
                raise RunnerUnavailable(f"{runner} died while it was loading (code {process.returncode})") from None
            if isinstance(error, RunnerUnavailable):
                raise RunnerUnavailable(f"{runner} cannot be loaded: {error}") from None
            raise
        return started

    async def _told_device(self) -> str:
        told = await self._control.receive()
        if "unavailable" in told:
            raise RunnerUnavailable(told["unavailable"])
        return str(told["device"])

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the child has not ended."""
        return self._process.poll() is None

    async def read(self, photo: bytes, seconds: float) -> Reading:
        """Read a photo, at most `slots` at a time; whoever cancels this must kill() the child.

        It has `seconds` from when reading begins; until then it may wait for memory that the others fill.

        Raises:
            UnreadablePhoto, ReadingFailed: as the runner said.
            ProcessDied: the child ended meanwhile.
            TimeoutError: it took longer; kill() the child.
        """
        channel = self._idle.pop()
        self._reading += 1
        try:
            async with asyncio.timeout(seconds * self._slots):
                await channel.send(request_id.get().encode())
                await channel.send(photo)
                await channel.receive()
            async with asyncio.timeout(seconds):
                answer = await channel.receive()
        finally:
            self._idle.append(channel)
            self._reading -= 1
            if not self._reading:
                self._drained.set()
        if "unreadable" in answer:
            raise UnreadablePhoto(answer["unreadable"])
        if "failed" in answer:
            raise ReadingFailed(answer["failed"])
        lines = [
            TextLine(np.array(line["polygon"], dtype=np.float32), line["text"], line["score"])
            for line in answer["lines"]
        ]
        width, height = answer["size"]
        return Reading(lines, answer["seconds"], (width, height))

    async def close(self) -> None:
        """Wait until no photo is being read, then end the child; all of its memory is free afterwards."""
        while self._reading:
            self._drained.clear()
            await self._drained.wait()
        for channel in (self._control, *self._idle):
            await channel.close()
        try:
            await asyncio.to_thread(self._process.wait, GRACE)
        except subprocess.TimeoutExpired:
            log.warning("the child process did not end within %g s: it is killed", GRACE)
            self.kill()
            await asyncio.to_thread(self._process.wait)

    def kill(self) -> None:
        """End the child at once; what it was asked fails with ProcessDied."""
        self._process.kill()


def _popen(job: str, settings: Mapping[str, str], theirs: list[socket.socket]) -> subprocess.Popen[bytes]:
    """Start the child with its ends of the sockets, which are closed here."""
    descriptors = [end.fileno() for end in theirs]
    environment = {name: value for name, value in os.environ.items() if name.upper() != "API_AUTH_KEY"}
    try:
        # not asyncio's own subprocess: killing one races with its watcher, which then loses the exit code
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "worker.main", job, *map(str, descriptors)],
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
    """Log what libraries in the child print, such as those that decode pictures, until it ends."""
    with stream:
        for line in stream:
            log.warning("the child process says: %s", printable(line.decode(errors="replace").rstrip()))


class Channel:
    """A socket to the child that carries messages with their length in front."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        return cls(*await asyncio.open_connection(sock=end))

    async def send(self, message: bytes) -> None:
        """Send a message; raises ProcessDied if nobody takes it."""
        try:
            self._writer.write(len(message).to_bytes(8))
            self._writer.write(message)
            await self._writer.drain()
        except ConnectionError:
            raise ProcessDied from None

    async def receive(self) -> dict[str, Any]:
        """Wait for a message; raises ProcessDied if none comes any more."""
        try:
            length = int.from_bytes(await self._reader.readexactly(8))
            message: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ProcessDied from None
        return message

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
