"""Who takes part: our runners in this process, and the libraries' own one-call objects."""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.scoring import Line
from ocr.types import Limits
from runners import RUNNERS, make
from runners.base import Options

Reader = Callable[[Path], list[Line]]


def ours(runner: str, model: str) -> Reader:
    """One of our runners, called in this process."""
    reader = make(RUNNERS[runner].runner, Options(model, threads=2, limits=Limits(2000, 200_000_000, 0.5)))
    reader.load()

    def read(path: Path) -> list[Line]:
        found = reader.read(path.read_bytes()).lines
        return list(lines([line.polygon for line in found], [line.text for line in found]))

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
        return list(lines(result.boxes, result.txts))

    return read


def rapidocr_v4(package: str) -> Reader:
    """rapidocr_onnxruntime.RapidOCR() or rapidocr_openvino.RapidOCR(), PP-OCRv4 mobile."""
    reader = importlib.import_module(package).RapidOCR()

    def read(path: Path) -> list[Line]:
        result, _ = reader(path)
        return list(lines([row[0] for row in result or []], [row[1] for row in result or []]))

    return read


def lines(polygons: Iterable[Any], texts: Iterable[str]) -> Iterable[Line]:
    """Lines from polygons [[x, y] * 4] and their texts."""
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
