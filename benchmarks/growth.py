"""How the seconds per photo grow with megapixels, lines of text, requests at a time and cores, beside a peer's.

    python -m benchmarks.growth [--out FOLDER]

Draws its own photos. The service gets HTTP requests, the peer is called directly, in turns photo by photo. Prints a
table for each, and writes a plot. Takes three minutes on two cores.
"""

import argparse
import io
import os
import random
import statistics
import string
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from benchmarks.bench import peer, service
from benchmarks.served import ROOT

PEER = "rapidocr-openvino-ppocrv6"
MEGAPIXELS = (1, 3, 6, 12, 24, 48)
LINES = (0, 5, 10, 20, 40, 80)
AT_A_TIME = (1, 2, 4, 8, 16)
ROWS, COLUMNS = 20, 4
REPEATS = 5

Series = dict[str, dict[int, float]]
"""For each contestant, seconds per photo by what is varied."""


def draw_photo(megapixels: int, lines: int) -> bytes:
    """A JPEG of 4:3 with that many short lines, on clouds."""
    choose, rng = random.Random(lines), np.random.default_rng(megapixels)  # noqa: S311 - the same every time
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    ground = np.full((height, width, 3), 200, np.float32)
    for fineness in range(2, 10):  # clouds: coarse shapes strong, fine ones weak
        shape = (3 * 2**fineness // 4, 2**fineness, 3)
        ground += cv2.resize(rng.normal(0, 60 / fineness**1.5, shape).astype(np.float32), (width, height))
    image = Image.fromarray(np.clip(ground, 90, 255).astype(np.uint8))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(height / 45)
    for place in range(lines):
        words = " ".join("".join(choose.choices(string.ascii_lowercase, k=5)) for _ in range(2))
        where = ((place // ROWS + 0.1) * width / COLUMNS, (place % ROWS + 0.25) * height / ROWS)
        pen.text(where, words, fill=(20, 20, 30), font=font)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Limit what is started in the block to so many cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def compare(photos: Mapping[int, Path]) -> Series:
    """Median seconds per photo of the service and of the peer."""
    with service("openvino", "ppocrv6") as (ours, _), peer(PEER) as (theirs, _):
        contestants = {"mtphotos-ocr": ours, PEER: theirs}
        taken: dict[str, dict[int, list[float]]] = {name: {value: [] for value in photos} for name in contestants}
        for _ in tqdm(range(REPEATS + 1), unit="round"):  # the first one warms up
            for value, path in photos.items():
                for name, read in contestants.items():
                    taken[name][value].append(read(path)[0])
    return {
        name: {value: statistics.median(seconds[1:]) for value, seconds in by.items()} for name, by in taken.items()
    }


def measure_load(path: Path) -> Series:
    """Seconds per photo under load: the time that all take divided by their number."""
    found = {}
    with service("openvino", "ppocrv6") as (read, _):
        read(path)
        for count in tqdm(AT_A_TIME, unit="load"):
            start = time.perf_counter()
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(read, [path] * 32))
            found[count] = (time.perf_counter() - start) / 32
    return {"mtphotos-ocr": found}


def measure_cores(path: Path) -> Series:
    """Seconds per photo with one core, two, and so on."""
    found: Series = {}
    for count in range(1, len(os.sched_getaffinity(0)) + 1):
        with on_cores(count):
            for name, taken in compare({count: path}).items():
                found.setdefault(name, {}).update(taken)
    return found


def measure_all(folder: Path) -> Iterator[tuple[str, Series]]:
    """What is varied, and the seconds for each value."""

    def save(megapixels: int, lines: int) -> Path:
        path = folder / f"{megapixels}-{lines}.jpg"
        path.write_bytes(draw_photo(megapixels, lines))
        return path

    yield "megapixels, without text", compare({size: save(size, 0) for size in MEGAPIXELS})
    yield "megapixels, 10 lines", compare({size: save(size, 10) for size in MEGAPIXELS})
    yield "lines, 12 megapixels", compare({count: save(12, count) for count in LINES})
    yield "requests at a time (12 megapixels, 10 lines)", measure_load(save(12, 10))
    yield "cores (12 megapixels, 10 lines)", measure_cores(save(12, 10))


def table(varied: str, series: Series) -> str:
    """Seconds per photo as Markdown."""
    values = list(next(iter(series.values())))
    rows: list[Iterable[Any]] = [[varied, *values], ["---"] * (1 + len(values))]
    rows += [[name, *(f"{seconds:.3f}" for seconds in by.values())] for name, by in series.items()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def plot(found: Mapping[str, Series], to: Path) -> None:
    """A panel for each thing that is varied."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(found), figsize=(4 * len(found), 3.6))
    for axes, (varied, series) in zip(panels, found.items(), strict=True):
        for name, by in series.items():
            axes.plot([str(value) for value in by], list(by.values()), marker="o", label=name)
        axes.set_xlabel(varied)
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("seconds per photo")
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(to, dpi=80)


def main() -> None:
    """Measure, print the tables, write the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "bench")
    out = parser.parse_args().out
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = dict(measure_all(Path(folder)))
    for varied, series in found.items():
        print(table(varied, series), end="\n\n")
    plot(found, out / "growth.png")


if __name__ == "__main__":
    main()
