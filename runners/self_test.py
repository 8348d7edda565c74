"""Whether a loaded runner reads right: a picture with known lines, beside what processors make of it.

Some drivers and libraries for cards have bugs by which a network gives other values than on a processor, and no error
says so: photos would get text that is not there. fitting/self_test.py makes the picture and what is expected of it.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.decoding import decode
from ocr.errors import EngineFailed, RunnerUnavailable
from ocr.types import DetectorNetwork, Limits, Pixels, Reading, Recognize

PICTURE = Path(__file__).with_name("self_test.png")
"""Lines in Latin and in Chinese letters; its sides are multiples of 32 pixels."""

EXPECTED = Path(__file__).with_name("self_test.json")
"""What a runner with a model makes of it on a processor, by "RUNNER MODEL"."""

LIMITS = Limits(max_side=2000, max_pixels=10**6, min_score=0)
"""Those that the picture is read within, whatever the user has set."""

CELL_PX = 32
"""The detector's map is compared by its mean in cells of so many pixels a side."""

MIN_IOU = 0.9
MAX_DIFFERENCE = 0.05  # of scores and of the detector's map: int8 and bfloat16 stay below
MAX_PROBLEM_CHARACTERS = 300


class Line(NamedTuple):
    """A line of the picture: its text, its score, and its box as left, top, width and height in pixels."""

    text: str
    score: float
    box: tuple[float, float, float, float]


class Expected(NamedTuple):
    """What a runner with a model is expected to make of the picture."""

    lines: list[Line]
    cells: NDArray[np.float32]
    """The detector's map in cells."""


def find_expected(runner: str, model: str) -> Expected | None:
    """What is expected: as `onnx` reads, where nothing else is stored for the runner; None for an unknown model."""
    stored = json.loads(EXPECTED.read_text("utf-8"))
    values = stored.get(f"{runner} {model}") or stored.get(f"onnx {model}")
    if not values:
        return None
    lines = [Line(line["text"], line["score"], tuple(line["box"])) for line in values["lines"]]
    return Expected(lines, np.array(values["cells"], np.float32))


def check(
    read: Callable[[bytes], Reading],
    recognize: Recognize | None,
    detector: DetectorNetwork | None,
    expected: Expected | None,
) -> None:
    """Read the picture, alone and from two threads, look at the detector's map, and read lines in batches.

    If it is not known what to expect, it is only seen whether the same comes each time.

    Raises:
        RunnerUnavailable: something else came out, or an error.
    """
    try:
        problem = _find_problem(read, recognize, detector, expected)
    except EngineFailed:
        problem = "expected numbers of a network, came nan or inf"
    except Exception as error:  # noqa: BLE001 - engines raise nearly anything
        problem = f"expected lines, came {type(error).__name__}: {error}"
    if problem:
        raise RunnerUnavailable(f"the self-test failed: {' '.join(problem.split())[:MAX_PROBLEM_CHARACTERS]}")


def _find_problem(
    read: Callable[[bytes], Reading],
    recognize: Recognize | None,
    detector: DetectorNetwork | None,
    expected: Expected | None,
) -> str:
    picture = PICTURE.read_bytes()
    first = describe(read(picture))
    lines = expected.lines if expected else first
    if problem := compare(first, lines):
        return problem
    pixels = decode(picture, needed_side=10**4, max_pixels=LIMITS.max_pixels).pixels
    if expected and detector and (problem := _compare_maps(detector(pixels).probability, expected.cells)):
        return problem
    if recognize and (problem := _compare_batches(recognize, pixels, lines)):
        return problem
    with ThreadPoolExecutor(2) as pool:
        problems = [compare(describe(reading), lines) for reading in pool.map(read, [picture] * 4)]
    return next((f"from two threads, {problem}" for problem in problems if problem), "")


def describe(reading: Reading) -> list[Line]:
    """The lines of a reading."""
    return [Line(line.text, line.score, line.box) for line in reading.lines]


def compare(found: Sequence[Line], expected: Sequence[Line]) -> str:
    """What was expected and what came, in words; empty if the lines agree."""
    texts, known = [line.text for line in found], [line.text for line in expected]
    if texts != known:
        return f"expected the lines {known}, came {texts}"
    for line, other in zip(found, expected, strict=True):
        if not abs(line.score - other.score) <= MAX_DIFFERENCE:  # written so that it holds for a nan, too
            return f"expected a score of {other.score:.2f} for {other.text!r}, came {line.score:.2f}"
        if not measure_iou(line.box, other.box) >= MIN_IOU:
            boxes = [[round(side) for side in box] for box in (other.box, line.box)]
            return f"expected the box {boxes[0]} for {other.text!r}, came {boxes[1]}"
    return ""


def measure_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union, 0-1, of two boxes: left, top, width, height."""
    ends = [min(a[side] + a[2 + side], b[side] + b[2 + side]) for a, b in [(one, other)] for side in (0, 1)]
    shared = max(0.0, ends[0] - max(one[0], other[0])) * max(0.0, ends[1] - max(one[1], other[1]))
    return shared / (one[2] * one[3] + other[2] * other[3] - shared) if shared else 0.0


def average(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of a map, (H, W), in each of its cells."""
    height, width = probability.shape
    return cv2.resize(probability, (width // CELL_PX, height // CELL_PX), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _compare_maps(probability: NDArray[np.float32], expected: NDArray[np.float32]) -> str:
    cells = average(probability) if probability.size else np.zeros_like(expected)
    difference = float(np.abs(cells - expected).max())
    if difference <= MAX_DIFFERENCE:
        return ""
    return f"expected a map of the detector as on a processor, came one that is {difference:.2f} off"


def _compare_batches(recognize: Recognize, pixels: Pixels, lines: Sequence[Line]) -> str:
    """Each line alone, and in batches of 8 and 32 lines, twice; one of these has lines of the same width only."""
    boxes = [[round(side) for side in line.box] for line in lines]
    crops = [pixels[top : top + height, left : left + width] for left, top, width, height in boxes]
    alone = [(crop, *recognize([crop])[0]) for crop in crops]
    shortest = sorted(alone, key=lambda line: line[0].shape[1] / line[0].shape[0])[:1]
    for batch in 2 * [alone * 2, alone * 8, shortest * 32]:
        found = recognize([crop for crop, _, _ in batch])
        for (_, text, score), (other, other_score) in zip(batch, found, strict=True):
            if other != text or not abs(other_score - score) <= MAX_DIFFERENCE:
                told = f"{other!r} ({other_score:.2f})"
                return f"expected {text!r} ({score:.2f}) in a batch of {len(batch)} as alone, came {told}"
    return ""
