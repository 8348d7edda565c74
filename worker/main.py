"""The child process that a runner lives in.

`python -m worker.main JSON CONTROL_FD SLOT_FD...`

Over each slot, a socket to the service, go photos one after another as two messages, the id of the request and the
file, and back two of JSON: an empty one when reading begins, and the answer. A message has its length in 8 bytes in
front. Nothing else crosses the border: no exception, no pickle. The control socket carries one message, how loading
went; when the service closes it, or dies, the child ends.
"""

import json
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import logs
from ocr.errors import FAILED, NO_MEMORY, RunnerUnavailable, UnreadablePhoto
from ocr.types import Limits
from runners.base import Options, Runner
from runners.registry import make
from worker.pixel_budget import PixelBudget, pixels

log = logging.getLogger("mtphotos_ocr.child")


def main(job: str, control_fd: str, *slot_fds: str) -> int:
    """Load the runner, then serve all slots until the service lets go."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the service, which ends us when it has answered
    with suppress(OSError):  # there is such a thing on Linux only
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")  # if memory runs out, it is not the service's end
    control = socket.socket(fileno=int(control_fd))
    threading.Thread(target=_end_with, args=(control,), daemon=True).start()
    wanted = json.loads(job)
    logs.configure(wanted["options"]["log_format"])
    runner, told = _load(wanted)
    _send(control, told)
    if runner is None:
        return 1
    gate = PixelBudget(wanted["options"]["limits"]["max_pixels"])  # ten photos of the largest size must not fill memory
    slots = [threading.Thread(target=_serve, args=(socket.socket(fileno=int(fd)), runner, gate)) for fd in slot_fds]
    for slot in slots:
        slot.start()
    for slot in slots:
        slot.join()
    return 0


def _end_with(control: socket.socket) -> None:
    control.recv(1)  # returns when the other end is closed, however that came about
    os._exit(0)  # at once: nothing here is worth saving, and a hanging engine must not keep us


def _load(job: dict[str, Any]) -> tuple[Runner | None, dict[str, object]]:
    try:
        runner = make(job["runner"], _options(job))
        runner.load()
    except (RunnerUnavailable, ImportError) as error:
        return None, {"unavailable": str(error)}
    except Exception as error:
        log.exception("the runner %s cannot be loaded", job["runner"])
        return None, {"unavailable": f"{type(error).__name__}: {error}"}
    return runner, {"device": runner.device}


def _options(job: dict[str, Any]) -> Options:
    options = job["options"]
    folder = options["model_dir"]
    return Options(**options | {"limits": Limits(**options["limits"]), "model_dir": Path(folder) if folder else None})


def _serve(slot: socket.socket, runner: Runner, gate: PixelBudget) -> None:
    while (request := _receive(slot)) is not None and (photo := _receive(slot)) is not None:
        logs.request_id.set(request.decode())
        with gate.passed(pixels(photo)):
            _send(slot, {})
            answer = _read(runner, photo)
        del photo  # or it is kept until the next one comes
        _send(slot, answer)


def _read(runner: Runner, photo: bytes) -> dict[str, object]:
    try:
        reading = runner.read(photo)
    except UnreadablePhoto as error:
        return {"unreadable": str(error)}
    except MemoryError:
        return {"unreadable": NO_MEMORY}
    except Exception:
        log.exception("the runner failed on a photo of %d bytes", len(photo))
        return {"failed": FAILED}
    lines = [{"polygon": line.polygon.tolist(), "text": line.text, "score": line.score} for line in reading.lines]
    return {"lines": lines, "seconds": reading.seconds, "size": reading.size}


def _send(to: socket.socket, message: dict[str, object]) -> None:
    body = json.dumps(message, ensure_ascii=False).encode()
    to.sendall(len(body).to_bytes(8) + body)


def _receive(slot: socket.socket) -> bytes | None:
    header = _exactly(slot, 8)
    return _exactly(slot, int.from_bytes(header)) if header else None


def _exactly(slot: socket.socket, length: int) -> bytes | None:
    """The next `length` bytes, or None at the end; MSG_WAITALL would stop short when the process is frozen."""
    received = bytearray(length)
    rest = memoryview(received)
    while rest:
        count = slot.recv_into(rest)
        if not count:
            return None
        rest = rest[count:]
    return bytes(received)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
