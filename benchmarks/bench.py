"""Speed, accuracy and memory of the service over HTTP and of its peers, side by side in one run.

    make bench PHOTOS=FOLDER

FOLDER has a manifest.jsonl (benchmarks/photos.py). The service gets HTTP requests, one and four at a time. The
peers are called directly, each in a process of its own, one photo at a time: their objects are not safe to use from two
threads, so four at a time would take them as many seconds per photo. All contestants read a photo before the next one
is read, so that other load on the machine affects all alike. Writes a table and a plot.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tqdm import tqdm

from benchmarks import photos
from benchmarks.photos import LabelledPhoto
from benchmarks.readers import READERS, PhotoReader
from benchmarks.scoring import Line, Score, add_photo
from benchmarks.served import ROOT, sampled, served

MIX = {"no-text-12mp": 0.6, "no-text": 0.1, "scenes": 0.15, "street": 0.05, "receipts": 0.05, "pages-latin": 0.05}
"""The share of each set in a photo library: most photos have no text."""
PEERS = [
    "rapidocr-openvino-ppocrv6",
    "rapidocr-onnxruntime-ppocrv6",
    "rapidocr_openvino",
    "rapidocr_onnxruntime",
]
MORE_PEERS = ["rapidocr_paddle", "paddleocr"]
"""Peers of the runner `cuda`, which take part only when they are named."""
AT_A_TIME = 4
PAUSE_S = 0.1
"""Between two contestants: ONNX Runtime's threads spin for 40 ms after a photo, which slows whichever comes next."""
KEY = "bench"


@dataclass
class Result:
    """The results of one contestant."""

    name: str
    """As it stands in the table."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of each photo, by set."""

    scores: dict[str, Score] = field(default_factory=dict)
    """Accuracy by set."""

    peak: int = 0
    """Highest memory of its process tree in bytes."""

    rest: int = 0
    """Memory of its process tree at the end in bytes."""

    def mean(self, of: str) -> float:
        """Mean seconds per photo of a set."""
        return statistics.mean(self.seconds[of])

    def mix(self) -> float:
        """Mean seconds per photo of a photo library; sets without photos are left out."""
        known = {name: share for name, share in MIX.items() if name in self.seconds}
        return sum(share * self.mean(name) for name, share in known.items()) / sum(known.values())


_reader: PhotoReader


def _load(name: str) -> None:
    global _reader  # noqa: PLW0603 - the one reader of a peer's process
    _reader = READERS[name]()


def _read(path: Path) -> tuple[float, list[Line]]:
    start = time.perf_counter()
    found = _reader(path)
    return time.perf_counter() - start, [Line(tuple(map(float, line.box)), line.text) for line in found]  # type: ignore[arg-type]


@contextmanager
def peer(name: str) -> Iterator[tuple[Callable[[Path], tuple[float, list[Line]]], int]]:
    """A library's object in a process of its own: a function that reads a photo, and the process's id."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_load, initargs=(name,)) as pool:
        pid = pool.submit(os.getpid).result()
        yield lambda path: pool.submit(_read, path).result(), pid


@contextmanager
def service(runner: str, model: str) -> Iterator[tuple[Callable[[Path], tuple[float, list[Line]]], int]]:
    """The service, started for the bench: a function that reads a photo over HTTP, and its process id."""
    settings = {"OCR_RUNNER": runner, "OCR_MODEL": model}
    with served(KEY, settings, subprocess.DEVNULL) as (client, pid):
        yield lambda path: _ask(client, path), pid


def _ask(client: httpx.Client, path: Path) -> tuple[float, list[Line]]:
    data = path.read_bytes()
    start = time.perf_counter()
    answer = client.post("/ocr", files={"file": (path.name, data)}).raise_for_status()
    seconds = time.perf_counter() - start
    result = answer.json()["result"] or {"texts": [], "boxes": []}
    boxes = [[float(box[side]) for side in ("x", "y", "width", "height")] for box in result["boxes"]]
    found = [
        Line((x, y, x + width, y + height), text)
        for (x, y, width, height), text in zip(boxes, result["texts"], strict=True)
    ]
    return seconds, found


def run(labelled: list[LabelledPhoto], runner: str, model: str, peers: list[str]) -> list[Result]:
    """All contestants over all photos."""
    ours = f"mtphotos-ocr {runner} {model}"
    with ExitStack() as stack:
        contestants = {ours: stack.enter_context(service(runner, model))}
        contestants |= {name: stack.enter_context(peer(name)) for name in peers}
        results = {name: Result(name) for name in contestants}
        samples = {name: stack.enter_context(sampled(pid)) for name, (_, pid) in contestants.items()}
        for photo in {photo.set: photo for photo in labelled}.values():  # one of each set warms up
            for read, _ in contestants.values():
                read(photo.path)
        for photo in tqdm(labelled, unit="photo", desc="one at a time"):
            for name, (read, _) in contestants.items():
                time.sleep(PAUSE_S)
                seconds, found = read(photo.path)
                result = results[name]
                result.seconds.setdefault(photo.set, []).append(seconds)
                add_photo(result.scores.setdefault(photo.set, Score()), found, photo.lines, photo.page)
        concurrent = Result(f"{ours}, {AT_A_TIME} at a time")
        read, _ = contestants[ours]
        with tqdm(total=len(labelled), unit="photo", desc=f"{AT_A_TIME} at a time") as bar:
            for name in results[ours].seconds:
                members = [photo for photo in labelled if photo.set == name] * (2 if name in MIX else 1)
                start = time.perf_counter()
                with ThreadPoolExecutor(AT_A_TIME) as pool:
                    futures: list[Future[tuple[float, list[Line]]]] = [
                        pool.submit(read, photo.path) for photo in members
                    ]
                    for future in futures:
                        future.result()
                concurrent.seconds[name] = [(time.perf_counter() - start) / len(members)]
                bar.update(len({photo.path for photo in members}))
        for name, result in results.items():
            result.peak, result.rest = max(samples[name]), samples[name][-1]
        concurrent.peak, concurrent.rest = results[ours].peak, results[ours].rest
        return [results[ours], concurrent, *(results[name] for name in peers)]


def table(results: list[Result]) -> str:
    """Seconds per photo, ratios to the service, accuracy and memory, as Markdown."""
    sets = list(results[0].seconds)
    rows = [["seconds per photo", *(result.name for result in results)]]
    rows += [[name, *(f"{result.mean(name):.3f}" for result in results)] for name in sets]
    rows += [["**library mix**", *(f"**{result.mix():.3f}**" for result in results)]]
    rows += [["... times ours", *(f"{result.mix() / results[0].mix():.2f}" for result in results)]]
    for kind in ("lines", "characters"):
        for name in sets:
            values = [getattr(result.scores[name], kind) if result.scores else "" for result in results]
            if any(str(value) not in {"", "-"} for value in values):
                rows.append([f"{kind} F1, {name}", *map(str, values)])
    false = [sum(score.false_characters for score in result.scores.values()) for result in results]
    rows.append(
        ["false characters", *(str(n) if result.scores else "" for n, result in zip(false, results, strict=True))]
    )
    rows.append(["peak memory, MB", *(f"{result.peak / 1e6:.0f}" for result in results)])
    rows.append(["memory at the end, MB", *(f"{result.rest / 1e6:.0f}" for result in results)])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plot(results: list[Result], to: Path) -> None:
    """Seconds per photo by set, a bar for each contestant."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sets = [*results[0].seconds, "library mix"]
    figure, axes = plt.subplots(figsize=(11, 5))
    width = 0.8 / len(results)
    for index, result in enumerate(results):
        heights = [*(result.mean(name) for name in sets[:-1]), result.mix()]
        axes.bar([place + index * width for place in range(len(sets))], heights, width, label=result.name)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(sets))], sets)
    axes.set_ylabel("seconds per photo")
    axes.set_yscale("log")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(to, dpi=110)


def main() -> None:
    """Run the bench; print the table and write it, the plot and the raw seconds to a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runner", default="openvino")
    parser.add_argument("--model", default="ppocrv6")
    parser.add_argument("--peer", action="append", choices=PEERS + MORE_PEERS, help="only these")
    parser.add_argument("--set", action="append", help="only these sets")
    parser.add_argument("--max-photos", type=int, default=10**6, help="at most so many photos per set")
    parser.add_argument("--out", type=Path, default=ROOT / "bench")
    arguments = parser.parse_args()
    labelled: list[LabelledPhoto] = []
    for photo in photos.load(arguments.folder):
        same = sum(other.set == photo.set for other in labelled)
        if photo.set in (arguments.set or [photo.set]) and same < arguments.max_photos:
            labelled.append(photo)
    results = run(labelled, arguments.runner, arguments.model, arguments.peer or PEERS)
    arguments.out.mkdir(exist_ok=True)
    (arguments.out / "table.md").write_text(table(results) + "\n", "utf-8")
    (arguments.out / "seconds.json").write_text(json.dumps({r.name: r.seconds for r in results}, indent=1), "utf-8")
    plot(results, arguments.out / "plot.png")
    print(table(results))


if __name__ == "__main__":
    main()
