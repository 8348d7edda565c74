"""What each mechanism gains: all of them but one, for each in turn, side by side in one run.

    python -m benchmarks.ablation FOLDER [--engine openvino --engine onnx] [--max-photos 4] [--only "int8, detector"]

FOLDER has a manifest.jsonl (benchmarks/photos.py), of which the sets of the library mix are read. Each variant is a
runner in a process of its own, and all of them read a photo before the next one is read. Times are CPU seconds of that
process, as multiples of those of the same engine with everything on; a mechanism that gains has more than 1. Those of a
second engine with everything on are multiples of the first one's. What chance does, the rows with everything on once
more show. ONEDNN_MAX_CPU_ISA=AVX2 in the environment has OpenVINO do without VNNI.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
from tqdm import tqdm

from benchmarks import photos
from benchmarks.bench import MIX
from benchmarks.photos import LabelledPhoto
from benchmarks.readers import PhotoReader, ours
from benchmarks.scoring import Line, Score, add_photo
from networks import int8
from runners.registry import RUNNERS
from worker.memory import resident

ALL, AGAIN = "everything on", "everything on, again"
ROUNDS = 3
"""Each photo is read so many times, each time in another order of the variants; the fastest counts."""


def _off(*_: object, **__: object) -> bool:
    return False


def _nothing(*_: object) -> None:
    return None


def _unchanged(classes: Any, _: object) -> Any:
    return classes


def _quantize_only(name: str) -> Callable[..., bool]:
    quantize = int8.quantize
    return lambda graph, path, multiply: name in path.name and quantize(graph, path, multiply)


Variant = tuple[str, str]
"""An engine, and the mechanism that it lacks."""

Replacements = Mapping[str, Callable[[], object]]
"""What stands for a name of a module while a runner without the mechanism is loaded and reads."""

EVERYWHERE: Mapping[str, Replacements] = {
    "int8": {"networks.int8.quantize": lambda: _off},
    "quarter-size head": {"networks.detectors.replace_transposed_convolutions": lambda: _off},
    "early exit": {"networks.early_exit.plane": lambda: _nothing},
    "short lines without padding, and blank skipping": {"networks.padding.is_known": lambda: _off},
    "blank skipping": {"networks.blank_skipping.skip_blanks": lambda: _unchanged},
    "space prior": {"runners.pipeline.SPACE_BONUS_NATS": lambda: 0},
    "line splitting": {"ocr.line_splitting.MAX_PART_LINE_HEIGHTS": lambda: 10**6},
}
"""By mechanism, on both engines."""

ENGINES: Mapping[str, Mapping[str, Replacements]] = {
    "openvino": {
        **EVERYWHERE,
        "int8, pruned channels": {  # int8's figures for the detector are for pruned channels
            "networks.int8.quantize": lambda: _off,
            "networks.recipes.prune_channels": lambda: _off,
        },
        "int8, detector": {"networks.int8.quantize": lambda: _quantize_only("_rec")},
        "int8, recognizer": {"networks.int8.quantize": lambda: _quantize_only("_det")},
    },
    "onnx": {
        **EVERYWHERE,
        "pruned channels": {"networks.recipes.prune_channels": lambda: _off},
        "squeezing": {"ocr.recognizer.MIN_SQUEEZED_SHARE": lambda: 1},
    },
}


@dataclass
class Result:
    """What one variant took and read."""

    load_s: float = 0
    """CPU seconds until it was loaded."""
    peak: int = 0
    """Highest resident memory of its process in bytes."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """CPU seconds of each photo, by set."""
    scores: dict[str, Score] = field(default_factory=dict)
    """Accuracy by set."""

    def mean(self, name: str) -> float:
        """Mean CPU seconds per photo of a set, or of the library mix as far as there are photos of its sets."""
        if name != "library mix":
            return statistics.mean(self.seconds[name])
        return sum(MIX[member] * self.mean(member) for member in self.seconds) / sum(
            MIX[member] for member in self.seconds
        )


_reader: PhotoReader


def _load(engine: str, model: str, mechanism: str) -> None:
    global _reader  # noqa: PLW0603 - the one reader of a variant's process
    for name, replacement in ENGINES[engine].get(mechanism, {}).items():
        patch(name, replacement()).start()
    _reader = ours(engine, model)


def _read(path: Path) -> tuple[float, list[Line]]:
    start = time.process_time()
    found = _reader(path)
    return time.process_time() - start, [Line(tuple(map(float, line.box)), line.text) for line in found]  # type: ignore[arg-type]


def _peak() -> int:
    return resident(os.getpid()).peak


def run(
    labelled: list[LabelledPhoto], engines: Iterable[str], model: str, only: Collection[str]
) -> dict[Variant, Result]:
    """All variants over all photos: of each engine ALL first, and ALL again."""
    names = [
        (engine, lacks)
        for engine in engines
        for lacks in (ALL, AGAIN, *(name for name in ENGINES[engine] if not only or name in only))
    ]
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = {}
        results = {name: Result() for name in names}
        for engine, lacks in tqdm(names, desc="loading", unit="variant"):
            pool = ProcessPoolExecutor(1, context, initializer=_load, initargs=(engine, model, lacks))
            pools[engine, lacks] = stack.enter_context(pool)
            with patch.dict(os.environ, RUNNERS[engine].environment()):  # as the service starts a worker
                process = psutil.Process(pool.submit(os.getpid).result())
            results[engine, lacks].load_s = sum(process.cpu_times()[:2])
        for photo in tqdm(labelled, unit="photo"):
            rounds = []
            for number in range(ROUNDS):
                start = number * len(names) // ROUNDS
                order = names[start:] + names[:start]
                rounds.append({name: pools[name].submit(_read, photo.path).result() for name in order})
            for name, (_, lines) in rounds[0].items():
                result = results[name]
                result.seconds.setdefault(photo.set, []).append(min(each[name][0] for each in rounds))
                add_photo(result.scores.setdefault(photo.set, Score()), lines, photo.lines, photo.page)
        for name, pool in pools.items():
            results[name].peak = pool.submit(_peak).result()
        return results


def table(results: Mapping[Variant, Result]) -> str:
    """Times as multiples of those with everything on, accuracy and memory, as Markdown."""
    first = next(iter(results.values()))
    sets = ["library mix", *first.seconds]
    scored = [name for name, score in first.scores.items() if score.characters.value is not None]
    columns = [*sets, *(f"F1 {name}" for name in scored), "load", "MB"]
    rows = [["without", *columns], ["---"] * (len(columns) + 1)]
    for (engine, lacks), result in results.items():
        all_on = first if lacks == ALL else results[engine, ALL]
        times = [f"{result.mean(name) / all_on.mean(name):.3f}" for name in sets]
        f1 = [f"{result.scores[name].lines} / {result.scores[name].characters}" for name in scored]
        rows.append(
            [f"{engine}: {lacks}", *times, *f1, f"{result.load_s / all_on.load_s:.2f}", f"{result.peak / 1e6:.0f}"]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Run the variants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="openvino, if none is named")
    parser.add_argument("--model", default="ppocrv6")
    parser.add_argument("--max-photos", type=int, default=10**6, help="at most so many photos per set")
    parser.add_argument("--only", action="append", help="only this mechanism")
    arguments = parser.parse_args()
    labelled: list[LabelledPhoto] = []
    for photo in photos.load(arguments.folder):
        if photo.set in MIX and sum(other.set == photo.set for other in labelled) < arguments.max_photos:
            labelled.append(photo)
    print(table(run(labelled, arguments.engine or ["openvino"], arguments.model, arguments.only or ())))


if __name__ == "__main__":
    main()
