"""A machine at home does other things too: the worker lets them go first, and reads with what they leave."""

import os
from contextlib import suppress
from pathlib import Path

import psutil


def step_back(niceness: int) -> None:
    """Raise the niceness of this process, and read from disks only when nobody else does; 0 changes nothing.

    Before threads are started: Linux gives both to each thread, and a new one has those of the thread that starts it.
    What a system does not have, or does not allow, stays as it is.
    """
    if niceness == 0 or not hasattr(os, "nice"):
        return
    with suppress(OSError):
        os.nice(niceness)
    with suppress(OSError):  # Linux with autogroups weighs sessions, and the worker is one of its own
        Path("/proc/self/autogroup").write_text(str(niceness), "ascii")
    if hasattr(psutil, "IOPRIO_CLASS_IDLE"):
        with suppress(OSError, psutil.Error):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
