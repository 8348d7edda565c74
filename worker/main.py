"""The worker: the process that holds the model.

`python -m worker.main JOB CONTROL_FD SLOT_FD...`

It loads its runner, says on the control socket how that went, and reads the photos that come over the slots, one after
another over each (worker/protocol.py). When the service closes the control socket, or dies, the worker ends.
"""

import logging
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

import logs
from ocr.errors import RunnerUnavailable, UnreadablePhoto
from ocr.types import Reading
from runners.base import Runner
from runners.failures import classify
from runners.registry import make
from worker.pixel_budget import PixelBudget, weigh_pixels
from worker.priority import step_back
from worker.protocol import (
    Begun,
    BlockingChannel,
    ConnectionEnded,
    Job,
    Loaded,
    NotLoaded,
    NotRead,
    Photo,
)

log = logging.getLogger("mtphotos_ocr.worker")


def main(argument: str, control_fd: str, *slot_fds: str) -> int:
    """Load the runner, then serve all slots until the service closes them."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the service, which ends this process when it has answered
    job = Job.from_argument(argument)
    step_back(job.options.niceness)
    with suppress(OSError):  # Linux only: if memory runs out, the kernel takes this process, not the service
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    control = socket.socket(fileno=int(control_fd))
    threading.Thread(target=_end_with_service, args=(control,), daemon=True).start()
    logs.configure(job.options.log_format)
    runner = _load(job)
    if isinstance(runner, NotLoaded):
        BlockingChannel(control).send(runner)
        return 1
    BlockingChannel(control).send(Loaded(runner.device, list(runner.optimisations)))
    budget = PixelBudget(job.options.limits.max_pixels)  # ten photos of the largest size must not fill the memory
    slots = [
        threading.Thread(target=_serve, args=(BlockingChannel(socket.socket(fileno=int(fd))), runner, budget))
        for fd in slot_fds
    ]
    for slot in slots:
        slot.start()
    for slot in slots:
        slot.join()
    return 0


def _end_with_service(control: socket.socket) -> None:
    control.recv(1)  # returns when the other end is closed, however that came about
    os._exit(0)  # at once: nothing here is worth saving, and a hanging engine must not keep the process


def _load(job: Job) -> Runner | NotLoaded:
    try:
        runner = make(job.class_path, job.options)
        runner.load()
    except (RunnerUnavailable, ImportError) as error:
        return NotLoaded(str(error))
    except Exception as error:
        log.exception("the runner %s cannot be loaded", job.class_path)
        return NotLoaded(f"{type(error).__name__}: {error}")
    return runner


def _serve(slot: BlockingChannel, runner: Runner, budget: PixelBudget) -> None:
    with suppress(ConnectionEnded):
        while isinstance(photo := slot.receive(), Photo):
            logs.request_id.set(photo.request_id)
            with budget.hold(weigh_pixels(photo.file)):
                slot.send(Begun())
                answer = _read(runner, photo.file)
            del photo  # or it is kept until the next one comes
            slot.send(answer)


def _read(runner: Runner, file: bytes) -> Reading | NotRead:
    try:
        return runner.read(file)
    except Exception as error:
        kind, problem = classify(error)
        if kind is not UnreadablePhoto:
            log.exception("the runner failed on a photo of %d bytes", len(file))
        return NotRead(kind.__name__, problem)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
