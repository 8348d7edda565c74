"""Does the service lose requests or keep memory? Runs it under load while its worker is restarted and killed.

    make soak

Draws photos of random sizes and shapes, reads each alone, then sends thousands of requests: first with restarts and
kills in between, then without. Starts the service itself, on the loopback address. Prints a table of what was found
beside what is allowed, and exits with 1 if something is not. Takes about ten minutes on two cores.
"""

import argparse
import contextlib
import math
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from tqdm import tqdm

from benchmarks.drawn import Picture, draw
from benchmarks.served import read_texts, sampled, served, tree_memory

IDLE_S = 5
"""Without a photo, after which the service under test frees its memory."""
UPLOAD_BYTES = 3_000_000
"""Size of the uploads in the second phase, like photos of a phone."""

MAX_DIFFERING_SHARE = 0.005  # of the lines
MAX_GROWTH_SHARE = 0.05
MAX_PEAK_BYTES = 900e6
MAX_PEAK_WITH_RESTARTS_BYTES = 1500e6
MAX_IDLE_BYTES = 220e6


@dataclass
class Phase:
    """The results of one run of requests; `memory` samples the whole process tree, in bytes."""

    problems: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    differing: int = 0
    memory: list[int] = field(default_factory=list)

    def quarter(self, number: int) -> float:
        """The mean memory of the first (0) to last (3) quarter."""
        size = len(self.memory) / 4
        return statistics.mean(self.memory[math.floor(number * size) : math.ceil((number + 1) * size)])


@dataclass(frozen=True, slots=True)
class Load:
    """Photos to send and what stands in each, how many at a time, and the time after which no more are sent."""

    name: str
    requests: Sequence[tuple[bytes, list[str]]]
    at_a_time: int
    end: float


@dataclass(frozen=True, slots=True)
class Service:
    """The service under test: a client of it, and its process id."""

    client: httpx.Client
    pid: int

    def find_workers(self) -> list[psutil.Process]:
        """The processes that hold a model."""
        found = []
        for process in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "worker.main" in process.cmdline():
                    found.append(process)
        return found


def run(service: Service, load: Load, disturb: Callable[[int], None]) -> Phase:
    """Send all requests, and call `disturb` with the number of answers after each."""
    phase = Phase()

    def ask(photo: bytes) -> list[str] | str:
        return read_texts(service.client, photo) if time.monotonic() < load.end else "not sent: the time was up"

    with sampled(service.pid) as phase.memory, ThreadPoolExecutor(load.at_a_time) as pool:
        expected = {pool.submit(ask, photo): texts for photo, texts in load.requests}
        bar = tqdm(as_completed(expected), total=len(expected), unit="photo", desc=load.name)
        for count, future in enumerate(bar, 1):
            answer, texts = future.result(), expected[future]
            if isinstance(answer, str):
                phase.problems[answer] += 1
            else:
                phase.lines += len(texts)
                phase.differing += max((Counter(texts) - Counter(answer)).total(), len(answer) - len(texts))
            disturb(count)
    return phase


def make_disturbance(
    service: Service, restart_every: int, kill_every: int, choose: random.Random
) -> Callable[[int], None]:
    """A function that restarts the worker, or kills one, whenever the number of answers is a multiple."""

    def disturb(count: int) -> None:
        if count % restart_every == 0:
            service.client.post("/restart").raise_for_status()
        if count % kill_every == 0 and (workers := service.find_workers()):
            choose.choice(workers).kill()

    return disturb


def wait_for_workers(service: Service, at_most: int, seconds: float) -> None:
    """Wait until no more workers are left; not longer than so many seconds."""
    for _ in range(math.ceil(10 * seconds)):
        if len(service.find_workers()) <= at_most:
            return
        time.sleep(0.1)


def wait_for_idle_memory(service: Service) -> int:
    """The memory of the process tree after the idle worker has ended."""
    wait_for_workers(service, 0, IDLE_S + 10)
    time.sleep(0.5)
    return tree_memory(service.pid)


def judge(stormy: Phase, calm: Phase, rest: int, indiscreet: int) -> list[tuple[str, str, str, bool]]:
    """Each measurement: its name, value and bound, and whether it is within the bound."""
    rows = []
    for name, phase in [("with restarts and kills", stormy), ("without", calm)]:
        lost = phase.problems.total()
        share = phase.differing / max(1, phase.lines)
        rows.append((f"requests lost, {name}", str(lost), "0", lost == 0))
        rows.append(
            (f"lines that differ, {name}", f"{share:.2%}", f"{MAX_DIFFERING_SHARE:.1%}", share <= MAX_DIFFERING_SHARE)
        )
    second, last = calm.quarter(1), calm.quarter(3)
    growth = last / second - 1
    rows.append(
        ("growth, second to last quarter", f"{growth:+.1%}", f"{MAX_GROWTH_SHARE:+.0%}", growth <= MAX_GROWTH_SHARE)
    )
    for name, value, bound in [
        ("peak with restarts and kills", max(stormy.memory), MAX_PEAK_WITH_RESTARTS_BYTES),
        ("peak without", max(calm.memory), MAX_PEAK_BYTES),
        ("after idle release", rest, MAX_IDLE_BYTES),
    ]:
        rows.append((f"{name}, MB", f"{value / 1e6:.0f}", f"{bound / 1e6:.0f}", value <= bound))
    rows.append(("texts and keys in the log", str(indiscreet), "0", indiscreet == 0))
    return rows


def soak(arguments: argparse.Namespace, log: Path) -> list[tuple[str, str, str, bool]]:
    """Both phases; what was found."""
    end = time.monotonic() + arguments.minutes * 60
    choose = random.Random(arguments.seed)  # noqa: S311 - the same photos every time
    pictures = [draw(choose) for _ in tqdm(range(arguments.photos), unit="photo", desc="drawing")]
    key = secrets.token_urlsafe(24)
    settings = {"OCR_THREADS": "2", "SERVER_RESTART_TIME": str(IDLE_S)}
    with log.open("w") as output, served(key, settings, output) as (client, pid):
        service = Service(client, pid)
        alone = [read_alone(service, picture) for picture in tqdm(pictures, unit="photo", desc="alone")]
        disturb = make_disturbance(service, arguments.restart_every, arguments.kill_every, choose)
        load = Load("disturbed", choose.choices(alone, k=arguments.requests), arguments.at_a_time, end)
        stormy = run(service, load, disturb)
        wait_for_workers(service, 1, 60)  # the last answer may have been followed by a restart
        padded = [(photo.ljust(UPLOAD_BYTES, b"\0"), texts) for photo, texts in alone]
        load = Load("undisturbed", choose.choices(padded, k=arguments.calm), arguments.at_a_time, end)
        calm = run(service, load, lambda _: None)
        rest = wait_for_idle_memory(service)
    for problem, count in (stormy.problems + calm.problems).most_common():
        print(f"{count} x {problem}")
    written = log.read_text("utf-8", errors="replace")
    texts = {line for _, lines in alone for line in lines if len(line) > 8}
    return judge(stormy, calm, rest, sum(text in written for text in {key, *texts}))


def read_alone(service: Service, picture: Picture) -> tuple[bytes, list[str]]:
    """A picture and what the service reads in it when nothing else is going on."""
    texts = read_texts(service.client, picture.file)
    if isinstance(texts, str):
        sys.exit(f"a picture cannot be read even alone: {texts}")
    return picture.file, texts


def main() -> None:
    """Run the soak, print the table, exit with 1 if a bound was not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000, help="with restarts and kills")
    parser.add_argument("--calm", type=int, default=600, help="requests without, of 3 MB each")
    parser.add_argument("--at-a-time", type=int, default=10)
    parser.add_argument("--restart-every", type=int, default=100)
    parser.add_argument("--kill-every", type=int, default=200)
    parser.add_argument("--photos", type=int, default=60, help="different ones")
    parser.add_argument("--minutes", type=float, default=60, help="no request is sent after these")
    parser.add_argument("--seed", type=int, default=1)
    with tempfile.TemporaryDirectory() as folder:
        rows = soak(parser.parse_args(), Path(folder) / "serve.log")
    print("| | found | allowed | |\n|---|---|---|---|")
    for name, found, bound, kept in rows:
        print(f"| {name} | {found} | {bound} | {'' if kept else 'NOT KEPT'} |")
    sys.exit(not all(kept for *_, kept in rows))


if __name__ == "__main__":
    main()
