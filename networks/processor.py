"""What the processor can do with products of bytes."""

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
EXACT_SUM_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8"}
"""Instructions that add products of bytes up in 32 bits. Others add two up in 16 bits first, which easily overflows."""


def is_faster_in_int8() -> bool:
    """Whether OpenVINO is faster in int8 on this machine: it is on x86, whatever instructions the processor has."""
    return platform.machine() in {"x86_64", "AMD64"}


def has_exact_sums() -> bool | None:
    """Whether this processor adds products of bytes up in 32 bits; None where the system does not say."""
    try:
        flags = next(line for line in CPUINFO.read_text("utf-8").splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):  # not Linux, or not x86
        return None
    return not EXACT_SUM_FLAGS.isdisjoint(flags.split())
