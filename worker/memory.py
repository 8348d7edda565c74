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

    The peak is the kernel's where it tells one (Linux), else what is there now. That of getrusage() would not do:
    a child's starts with its parent's.
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
    if len(kilobytes) < 2:  # a process that has ended has none, until its parent asks for its exit code
        return NONE
    return Memory(int(kilobytes["VmRSS"]) * 1024, int(kilobytes["VmHWM"]) * 1024)


def _without_proc(pid: int) -> Memory:
    try:
        now = int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return NONE
    return Memory(now, now)


def give_back() -> None:
    """Return what is free in this process's heap to the system, where the C library can: glibc (malloc_trim(3))."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
