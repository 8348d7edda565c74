"""Make runners/self_test.png and runners/self_test.json: `python -m fitting.self_test`, without any further data.

The picture is put together from lines of the tests' pictures. What is expected of it is what ONNX Runtime makes of it
on this processor: `cuda` is held to what `onnx` reads with the same model, but `cuda-onnx` to what itself does, since
it searches without evidence of text and finds other boxes.
"""

import json

import onnxruntime
from PIL import Image

from ocr.decoding import decode
from ocr.model_files import locate
from runners import self_test
from runners.base import Options
from runners.onnx import OnnxRunner
from runners.registry import RUNNERS, make
from tests.fakes.project import DATA

KNOWN = ("onnx", "ppocrv4"), ("onnx", "ppocrv6"), ("cuda-onnx", "ppocrv6")
"""The runners and models to measure."""

SIZE = 480, 320
PAPER = "#f4f1ea"
STRIPS = (
    ("receipt.png", (40, 20, 480, 85), (20, 10)),
    ("receipt.png", (40, 280, 200, 340), (20, 75)),
    ("chinese.png", (40, 130, 400, 200), (20, 145)),
    ("chinese.png", (40, 40, 400, 120), (20, 230)),
)
"""A picture of the tests, the part of it, and where that goes."""


def draw() -> None:
    """Make the picture."""
    picture = Image.new("RGB", SIZE, PAPER)
    for name, part, place in STRIPS:
        picture.paste(Image.open(DATA / name).convert("RGB").crop(part), place)
    picture.save(self_test.PICTURE, optimize=True)


def expect(name: str, model: str) -> dict[str, object]:
    """What is expected of a runner with a model: its lines, and its detector's map in cells."""
    runner = make(RUNNERS[name].class_path, Options(model, threads=1, limits=self_test.LIMITS, device="cpu"))
    assert isinstance(runner, OnnxRunner)
    runner.load()
    picture = self_test.PICTURE.read_bytes()
    lines = [
        {"text": line.text, "score": round(line.score, 3), "box": [round(float(side), 1) for side in line.box]}
        for line in self_test.describe(runner.read(picture))
    ]
    network = runner.load_detector_network(locate(model).detector)
    probability = network(decode(picture, needed_side=10**4, max_pixels=10**6).pixels).probability
    return {"lines": lines, "cells": self_test.average(probability).astype(float).round(3).tolist()}


def main() -> None:
    """Make both files."""
    draw()
    made: dict[str, object] = {"made": f"python -m fitting.self_test, with onnxruntime {onnxruntime.__version__}"}
    made |= {f"{name} {model}": expect(name, model) for name, model in KNOWN}
    self_test.EXPECTED.write_text(json.dumps(made, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
