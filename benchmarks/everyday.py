"""Unlabelled photos as people have them: our time and our lines beside `rapidocr.RapidOCR()` without its classifier.

    python -m benchmarks.everyday FOLDER [--half A] [--library] [--out FILE]

FOLDER has an everyday.jsonl: what the library reads in each photo at full resolution, {"image", "width", "height",
"lines": [{"text", "score", "box": [left, top, width, height]}]}, a reference and not the truth. Every second photo is
of half A, which constants may be fitted on; the others, half B, are for reporting. A line that one side reads surely
(SURE, two letters or digits) is lost by the other if half of its characters are not read where it is. With --library
both read every photo, one after the other, for the seconds.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scoring import Box, Line, measure_iou, normalize
from ocr.types import DetectorNetwork, Limits
from runners.base import Options
from runners.openvino import OpenVinoRunner

SURE = 0.8
LARGE_MEGAPIXELS = 2.0

Scored = list[tuple[Line, float]]


class CountingRunner(OpenVinoRunner):
    """Our runner on OpenVINO, and the shapes that its detector was given since they were last cleared."""

    def __init__(self, model: str) -> None:
        super().__init__(Options(model, threads=2, limits=Limits(2000, 200_000_000, 0.5)))
        self.shapes: list[tuple[int, int]] = []
        self.load()

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        network = super().load_detector_network(path)

        def counted(pixels: NDArray[np.uint8]) -> Any:
            self.shapes.append(pixels.shape[:2])
            return network(pixels)

        return counted


def load_library() -> Callable[[Path], object]:
    """The library on OpenVINO without its classifier."""
    import rapidocr

    kind = rapidocr.EngineType("openvino")
    params = {f"{stage}.engine_type": kind for stage in ("Det", "Cls", "Rec")}
    return rapidocr.RapidOCR(params={"Global.log_level": "error", "Global.use_cls": False, **params})


def find_lost(sure: Scored, others: Scored) -> list[str]:
    """The texts that one side reads surely and the other does not read there."""
    texts = []
    for line, score in sure:
        wanted = Counter(filter(str.isalnum, normalize(line.text)))
        if score < SURE or wanted.total() < 2:
            continue
        beside = "".join(other.text for other, _ in others if measure_iou(line.box, other.box) > 0)
        if 2 * (wanted & Counter(normalize(beside))).total() < wanted.total():
            texts.append(line.text)
    return texts


def to_corners(left: float, top: float, width: float, height: float) -> Box:
    """Left, top, right and bottom."""
    return left, top, left + width, top + height


def measure(photos: list[dict[str, Any]], folder: Path, model: str, *, with_library: bool) -> Iterator[dict[str, Any]]:
    """A row for each photo: seconds, pixels that the detector was given, and the lines that either side lost."""
    runner = CountingRunner(model)
    other = load_library() if with_library else None
    for photo in photos:
        path = folder / "everyday" / photo["image"]
        runner.shapes.clear()
        start, cpu_start = time.perf_counter(), time.process_time()
        reading = runner.read(path.read_bytes())
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        start, cpu_start = time.perf_counter(), time.process_time()
        if other and photo["lines"] is not None:
            other(path)
        library_seconds, library_cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        ours = [(Line(to_corners(*line.box), line.text), line.score) for line in reading.lines]
        reference = [(Line(to_corners(*line["box"]), line["text"]), line["score"]) for line in photo["lines"] or []]
        yield {
            "image": photo["image"],
            "megapixels": photo["width"] * photo["height"] / 1e6,
            "refused": photo["lines"] is None,
            "text": any(score >= 0.5 for _, score in reference),
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "library_seconds": library_seconds if other else None,
            "library_cpu_seconds": library_cpu_seconds if other else None,
            "stages": reading.seconds,
            "shapes": list(runner.shapes),
            "lost": find_lost(reference, ours),
            "gained": find_lost(ours, reference),
            "lines": [(line.text, round(score, 2)) for line, score in ours],
        }


def make_table(rows: list[dict[str, Any]]) -> str:
    """Sums over the large and the small photos, with and without text by the reference, as Markdown."""
    heads = ["photos", "seconds", "CPU seconds", "library's", "library's CPU", "times: least, median, total", "by CPU"]
    heads += ["end after one pass", "detector megapixels", "passes", "lost lines (photos)", "gained lines (photos)"]
    text = [f"| of | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    groups = {"all": rows}
    for row in rows:
        size = "large" if row["megapixels"] >= LARGE_MEGAPIXELS else "small"
        groups.setdefault(f"{size}, {'text' if row['text'] else 'no text'}", []).append(row)
    for name, chosen in groups.items():
        part = [row for row in chosen if not row["refused"]]
        if not part:
            continue
        seconds, cpu_seconds = (sum(row[key] for row in part) for key in ("seconds", "cpu_seconds"))
        cells: list[object] = [len(part), f"{seconds:.2f}", f"{cpu_seconds:.2f}"]
        if part[0]["library_seconds"] is None:
            cells += ["-"] * 4
        else:
            theirs, cpu_theirs = (sum(row[f"library_{key}"] for row in part) for key in ("seconds", "cpu_seconds"))
            ratios = sorted(row["library_seconds"] / row["seconds"] for row in part)
            cells += [f"{theirs:.2f}", f"{cpu_theirs:.2f}"]
            cells += [f"{ratios[0]:.2f}, {ratios[len(ratios) // 2]:.2f}, {theirs / seconds:.2f}"]
            cells += [f"{cpu_theirs / cpu_seconds:.2f}"]
        cells.append(f"{sum(len(row['shapes']) <= 1 for row in part) / len(part):.0%}")
        cells.append(f"{sum(height * width for row in part for height, width in row['shapes']) / 1e6:.1f}")
        cells.append(sum(len(row["shapes"]) for row in part))
        for key in ("lost", "gained"):
            cells.append(f"{sum(len(row[key]) for row in part)} ({sum(bool(row[key]) for row in part)})")
        text.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(text)


def main() -> None:
    """Read the photos, print the table, and write the rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=["A", "B", "both"], default="both")
    parser.add_argument("--model", default="ppocrv6")
    parser.add_argument("--library", action="store_true", help="time the library too")
    parser.add_argument("--out", type=Path, help="a row for each photo")
    arguments = parser.parse_args()
    photos = [json.loads(row) for row in (arguments.folder / "everyday.jsonl").read_text("utf-8").splitlines()]
    chosen = [photo for index, photo in enumerate(photos) if arguments.half in {"both", "AB"[index % 2]}]
    rows = []
    with ExitStack() as files:
        out = files.enter_context(arguments.out.open("w", encoding="utf-8")) if arguments.out else None
        for row in measure(chosen, arguments.folder, arguments.model, with_library=arguments.library):
            rows.append(row)
            if out:
                print(json.dumps(row, ensure_ascii=False), file=out, flush=True)
    print(make_table(rows))


if __name__ == "__main__":
    main()
