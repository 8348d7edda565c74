"""The resident memory of a process."""

import ctypes
from pathlib import Path
from typing import NamedTuple

import psutil


class Memory(NamedTuple):
    """Bytes now, and the most that they have been."""

    now: int
    peak: int


NONE = Memory(0, 0)


def resident(pid: int) -> Memory:
    """The memory of a process; none if it has ended.

    The peak is the kernel's if it has one (Linux), else the current value. getrusage() would not do: a child's peak
    starts at its parent's.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8", errors="replace")
    except OSError:
        return _without_proc(pid)
    kilobytes = {
        name: value.split()[0]
        for name, _, value in (line.partition(":") for line in status.splitlines())
        if name in {"VmRSS", "VmHWM"}
    }
    if len(kilobytes) < 2:  # a zombie: it has ended, but its parent has not yet reaped it
        return NONE
    return Memory(int(kilobytes["VmRSS"]) * 1024, int(kilobytes["VmHWM"]) * 1024)


def _without_proc(pid: int) -> Memory:
    try:
        now = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return NONE
    return Memory(now, now)


def trim_heap() -> None:
    """Return this process's free heap to the system, if the C library can: glibc (malloc_trim(3))."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
