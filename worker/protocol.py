"""The messages between the service and the worker, and how they cross a socket; both ends use this module.

What only the service needs is in worker/async_channel.py: without asyncio the worker starts faster.

On the control socket the worker says once how loading went: Loaded or NotLoaded. On each slot the service sends a
Photo, and the worker answers it with Begun when it starts to read, then with a Reading or NotRead. Nothing else
crosses: no exception, no pickle.

A message is a frame: the lengths of its two parts (LENGTHS), JSON, and bytes, which only photos have.
"""

import json
import socket
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ocr.errors import EngineFailed, OutOfMemory, ReadingFailed, UnreadablePhoto
from ocr.types import Limits, Reading, TextLine
from runners.base import Options

LENGTHS = struct.Struct("!IQ")
"""A frame's header: the lengths of the JSON and of the bytes."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is started with: the class of its runner ("module:Class"), and the runner's options."""

    class_path: str
    options: Options

    def to_argument(self) -> str:
        """The job as an argument of the worker's command."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_argument(cls, argument: str) -> Self:
        """The job in such an argument."""
        job = json.loads(argument)
        options = job["options"]
        folders = {name: options[name] and Path(options[name]) for name in ("model_dir", "prepared_dir")}
        return cls(job["class_path"], Options(**options | folders | {"limits": Limits(**options["limits"])}))


@dataclass(frozen=True, slots=True)
class Loaded:
    """The runner is ready; `device` says in words what it runs on, `optimisations` what its networks were given."""

    device: str
    optimisations: list[str]


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """The runner cannot be loaded on this machine."""

    problem: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A file to read, and the id of the request that it came with, for the log."""

    request_id: str
    file: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """The worker has room for the photo and starts to read it."""


@dataclass(frozen=True, slots=True)
class NotRead:
    """Why the photo was not read: the name of one of ERRORS, and its message."""

    error: str
    problem: str


ERRORS = {kind.__name__: kind for kind in (UnreadablePhoto, ReadingFailed, EngineFailed, OutOfMemory)}
"""The errors that reading a photo may end with, by name."""

Message = Loaded | NotLoaded | Photo | Begun | Reading | NotRead
PLAIN = {kind.__name__: kind for kind in (Loaded, NotLoaded, Begun, NotRead)}


class ConnectionEnded(Exception):
    """The other process has ended, or has closed its end of the socket."""


def encode(message: Message) -> tuple[bytes, bytes]:
    """A frame's lengths and JSON, and its bytes."""
    data = b""
    if isinstance(message, Photo):
        fields: dict[str, Any] = {"request_id": message.request_id}
        data = message.file
    elif isinstance(message, Reading):
        lines = [{"polygon": line.polygon.tolist(), "text": line.text, "score": line.score} for line in message.lines]
        fields = {"lines": lines, "seconds": message.seconds, "size": message.size}
    else:
        fields = asdict(message)
    head = json.dumps({"kind": type(message).__name__} | fields).encode()
    return LENGTHS.pack(len(head), len(data)) + head, data


def decode(head: bytes, data: bytes) -> Message:
    """The message in the two parts of a frame."""
    fields = json.loads(head)
    kind = fields.pop("kind")
    if kind == "Photo":
        return Photo(fields["request_id"], data)
    if kind == "Reading":
        lines = [
            TextLine(np.array(line["polygon"], dtype=np.float32), line["text"], line["score"])
            for line in fields["lines"]
        ]
        return Reading(lines, fields["seconds"], tuple(fields["size"]))
    message: Message = PLAIN[kind](**fields)
    return message


class BlockingChannel:
    """One end of a socket, for the worker's threads."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: Message) -> None:
        """Send a message."""
        head, data = encode(message)
        self._end.sendall(head)
        self._end.sendall(data)

    def receive(self) -> Message:
        """Wait for a message; raises ConnectionEnded if none comes any more."""
        head, data = LENGTHS.unpack(self._receive_exactly(LENGTHS.size))
        return decode(self._receive_exactly(head), self._receive_exactly(data))

    def _receive_exactly(self, length: int) -> bytes:
        """The next `length` bytes. MSG_WAITALL would return fewer when the process was frozen in between."""
        received = bytearray(length)
        rest = memoryview(received)
        while rest:
            count = self._end.recv_into(rest)
            if not count:
                raise ConnectionEnded
            rest = rest[count:]
        return bytes(received)
