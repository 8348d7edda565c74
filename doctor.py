"""What a maintainer needs to know of a machine: `make doctor`, or `python -m doctor` in a container.

It can be shown to anyone: it has no key in it, and of paths no more than their last part.
"""

import asyncio
import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

import psutil

import settings
from ocr.errors import OcrError
from ocr.types import Reading
from options import make_options
from runners import nvidia, self_test
from runners.registry import RUNNERS, find_candidates
from worker.process import WorkerDied, WorkerProcess
from worker.timings import Timings

INSTRUCTION_SETS = re.compile(r"^(sse4_[12]|avx\w*|f16c|fma|amx\w*|asimd\w*|sve\w*|bf16|i8mm)$")
PACKAGES = ("bentoml", "numpy", "opencv-python-headless", "pillow", "onnx")
LIMITS = ("memory.max", "memory.high", "cpu.max", "memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us")
PATH = re.compile(r"(?<![\w.])/(?:[^/\s'\":;,()]+/)+")
TIMEOUT_S = 120.0


def main() -> None:
    """Print it all, a line each."""
    try:
        current = settings.load()
    except settings.SettingsError as problem:
        current = settings.Settings.model_construct()
        report("settings", f"{problem}; the defaults are taken", current)
    for title, found in describe_machine():
        report(title, found, current)
    for name in RUNNERS:
        report(name, asyncio.run(try_runner(name, current)), current)


def report(title: str, found: str, current: settings.Settings) -> None:
    """Print a line, without the paths in it."""
    for name, value in current:
        if isinstance(value, Path):
            found = found.replace(str(value), f"<{name.upper()}>")
    print(f"{title}: {PATH.sub('.../', ' '.join(found.split()))}", flush=True)  # noqa: T201


def describe_machine() -> Iterator[tuple[str, str]]:
    """What is true whichever runner reads."""
    cpu = read("/proc/cpuinfo")
    names = re.findall(r"^(?:model name|Hardware)\s*:\s*(.+)$", cpu, re.MULTILINE)
    flags = re.findall(r"^(?:flags|Features)\s*:\s*(.+)$", cpu, re.MULTILINE)
    yield "system", f"{platform.platform()}, Python {platform.python_version()}"
    yield "processor", f"{(names or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} threads"
    yield "instruction sets", " ".join(filter(INSTRUCTION_SETS.match, (flags or [""])[0].split())) or "not known"
    yield "usable cores", str(settings.count_usable_cores())
    yield "memory", f"{psutil.virtual_memory().total / 1e6:.0f} MB"
    limits = [f"{name} {value}" for name in LIMITS if (value := read(f"/sys/fs/cgroup/{name}").strip())]
    yield "cgroup limits", ", ".join(limits) or "none"
    yield "allocator", " ".join(platform.libc_ver()) or "not glibc"
    engines = dict.fromkeys(engine for entry in RUNNERS.values() for engine in entry.engines)
    packages = [f"{name} {found}" for name in (*PACKAGES, *engines) if (found := find_version(name))]
    yield "packages", ", ".join(packages)
    yield "cards", describe_cards()
    yield "driver", (read("/proc/driver/nvidia/version").splitlines() or ["none"])[0]


def describe_cards() -> str:
    """NVIDIA's, by name and compute capability."""
    try:
        cards = nvidia.find_cards()
    except OcrError as problem:
        return str(problem)
    return "; ".join(f"{card.name} ({card.capability[0]}.{card.capability[1]})" for card in cards) or "none"


async def try_runner(name: str, current: settings.Settings) -> str:
    """How a runner does on the picture of the self-test, in a worker as the service has it."""
    options = make_options(current)
    entry = RUNNERS[name]
    start = perf_counter()
    try:
        find_candidates(name, options)
        async with asyncio.timeout(TIMEOUT_S):
            worker = await WorkerProcess.start(name, options, slots=1, timings=Timings())
    except OcrError as problem:
        return str(problem)
    except TimeoutError:
        return f"was not loaded within {TIMEOUT_S:g} s"
    loaded_s = perf_counter() - start
    photo = self_test.PICTURE.read_bytes()
    try:
        await worker.read(photo, TIMEOUT_S)  # the first of a shape takes longer
        reading = await worker.read(photo, TIMEOUT_S)
    except (OcrError, WorkerDied, TimeoutError) as problem:
        return f"failed on the picture of the self-test: {type(problem).__name__} {problem}"
    finally:
        await worker.close()
    expected = (
        None if options.model_dir or entry.detector else self_test.find_expected(name, entry.choose_model(options))
    )
    allocator = " ".join(f"{key}={value}" for key, value in entry.environment().items() if key.startswith("MALLOC_"))
    return "; ".join(
        [
            f"{entry.describe_model(options)} on {worker.device}, loaded in {loaded_s:.1f} s",
            judge(reading, expected),
            "seconds " + ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in reading.seconds.items()),
            allocator or "the allocator's defaults",
        ]
    )


def judge(reading: Reading, expected: self_test.Expected | None) -> str:
    """What the self-test says of a reading; a runner on a card has passed all of it when it was loaded."""
    if expected is None:
        return f"{len(reading.lines)} lines; it is not known what to expect of this model"
    problem = self_test.compare(self_test.describe(reading), expected.lines)
    return f"self-test failed: {problem}" if problem else "self-test passed"


def find_version(package: str) -> str:
    """The version of an installed package, else nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def read(path: str) -> str:
    """The text of a file, if there is one."""
    try:
        return Path(path).read_text("utf-8", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
