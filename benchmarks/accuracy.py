"""Accuracy of our runners and of the libraries' own objects on labelled photos, in one run.

    python -m benchmarks.accuracy FOLDER [READER ...]

FOLDER has a manifest.jsonl (benchmarks/photos.py). Readers: see READERS.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import photos
from benchmarks.scoring import Line, Score, add_photo
from ocr.types import Limits
from runners import base

Reader = Callable[[Path], list[Line]]


def ours(runner: str, model: str) -> Reader:
    """One of our runners, called in this process."""
    from runners import RUNNERS, make

    reader = make(RUNNERS[runner].runner, base.Options(model, threads=2, limits=Limits(2000, 200_000_000, 0.5)))
    reader.load()

    def read(path: Path) -> list[Line]:
        found = reader.read(path.read_bytes()).lines
        return list(_lines([line.polygon for line in found], [line.text for line in found]))

    return read


def rapidocr(engine: str, **options: object) -> Reader:
    """rapidocr.RapidOCR() with PP-OCRv6 small on one of its engines."""
    import rapidocr as library

    kind = library.EngineType(engine)
    params = {f"{stage}.engine_type": kind for stage in ("Det", "Cls", "Rec")}
    reader = library.RapidOCR(params={"Global.log_level": "error", **params, **options})

    def read(path: Path) -> list[Line]:
        result: Any = reader(path)
        if result.boxes is None:
            return []
        return list(_lines(result.boxes, result.txts))

    return read


def rapidocr_v4(package: str) -> Reader:
    """rapidocr_onnxruntime.RapidOCR() or rapidocr_openvino.RapidOCR(), PP-OCRv4 mobile."""
    import importlib

    reader = importlib.import_module(package).RapidOCR()

    def read(path: Path) -> list[Line]:
        result, _ = reader(path)
        return list(_lines([row[0] for row in result or []], [row[1] for row in result or []]))

    return read


def _lines(polygons: Iterable[Any], texts: Iterable[str]) -> Iterable[Line]:
    for polygon, text in zip(polygons, texts, strict=True):
        xs, ys = [point[0] for point in polygon], [point[1] for point in polygon]
        yield Line((min(xs), min(ys), max(xs), max(ys)), text)


READERS: dict[str, Callable[[], Reader]] = {
    "openvino-ppocrv6": lambda: ours("openvino", "ppocrv6"),
    "onnx-ppocrv6": lambda: ours("onnx", "ppocrv6"),
    "openvino-ppocrv4": lambda: ours("openvino", "ppocrv4"),
    "onnx-ppocrv4": lambda: ours("onnx", "ppocrv4"),
    "rapidocr-openvino-ppocrv6": lambda: rapidocr("openvino"),
    "rapidocr-openvino-ppocrv6-no-cls": lambda: rapidocr("openvino", **{"Global.use_cls": False}),
    "rapidocr-onnxruntime-ppocrv6": lambda: rapidocr("onnxruntime"),
    "rapidocr_onnxruntime": lambda: rapidocr_v4("rapidocr_onnxruntime"),
    "rapidocr_openvino": lambda: rapidocr_v4("rapidocr_openvino"),
}


def main() -> None:
    """Print a row for each reader and set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("readers", nargs="*", metavar="READER", help=" ".join(READERS), default=list(READERS))
    parser.add_argument("--set", action="append", help="only this set")
    arguments = parser.parse_args()
    labelled = [photo for photo in photos.load(arguments.folder) if photo.set in (arguments.set or [photo.set])]
    print("| reader | set | photos | line F1 | character F1 | false characters | seconds per photo |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.readers:
        reader = READERS[name]()
        scores: defaultdict[str, Score] = defaultdict(Score)
        seconds: defaultdict[str, list[float]] = defaultdict(list)
        for photo in labelled:
            start = time.perf_counter()
            read = reader(photo.path)
            seconds[photo.set].append(time.perf_counter() - start)
            add_photo(scores[photo.set], read, photo.lines, photo.page)
        for set_name, score in scores.items():
            mean = sum(seconds[set_name]) / len(seconds[set_name])
            print(
                f"| {name} | {set_name} | {len(seconds[set_name])} | {score.lines} |"
                f" {score.characters} | {score.false_characters} | {mean:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
