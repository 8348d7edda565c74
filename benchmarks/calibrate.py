"""Measure what runners/int8.json and runners/padding.json hold, on the photos of a folder.

    python -m benchmarks.calibrate FOLDER

FOLDER has a manifest.jsonl (benchmarks/photos.py). The photos are read in floats; what the networks are given is
kept, and a sample of it runs through each network again. Then each convolution is quantized alone: those that
change the network's answer most stay in floats. What a recognizer makes of the padding behind a short line is noted
half way between the line and the edge.
"""

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops
from tqdm import tqdm

from benchmarks import photos
from ocr.models import fingerprint, locate
from ocr.recognizer import TRAINED_WIDTH
from ocr.types import Limits, planes
from runners import int8, padding, rows
from runners.base import Options
from runners.openvino import OpenVinoRunner
from runners.pipeline import OpenRecognizer

PHOTOS_PER_SET = 3
SAMPLE = {"detector": 24, "recognizer": 80}
IN_FLOATS = {"detector": 15, "recognizer": 12}
"""How many convolutions stay in floats: with eight and six, labelled receipts lost 0.7 % of their lines."""

Batch = NDArray[np.float32]
Run = Callable[[Batch], list[NDArray[np.float32]]]


def inputs(model: str, folder: Path) -> dict[str, list[Batch]]:
    """What the two networks are given when the photos are read, a sample of it."""
    given: dict[str, list[Batch]] = {"detector": [], "recognizer": []}

    class Recording(OpenVinoRunner):
        def open_detector(self, path: Path) -> Any:
            network = super().open_detector(path)
            return lambda pixels: given["detector"].append(planes(pixels)[np.newaxis]) or network(pixels)  # type: ignore[func-returns-value]

        def open_recognizer(self, path: Path) -> Any:
            opened = super().open_recognizer(path)

            def network(batch: Batch) -> Any:
                given["recognizer"].append(batch[-1:])
                return opened.network(batch)

            return OpenRecognizer(network, opened.charset)

    with patch("runners.int8.pays", return_value=False), patch("runners.padding.known", return_value=False):
        runner = Recording(Options(model, threads=2, limits=Limits(2000, 200_000_000, 0.5)))
        runner.load()
    taken: dict[str, int] = {}
    for photo in tqdm(photos.load(folder), desc=f"{model}: reading", unit="photo"):
        taken[photo.set] = taken.get(photo.set, 0) + 1
        if taken[photo.set] <= PHOTOS_PER_SET:
            runner.read(photo.path.read_bytes())
    chance = random.Random(0)  # noqa: S311 - the same sample every time
    return {name: chance.sample(batches, min(SAMPLE[name], len(batches))) for name, batches in given.items()}


def compiled(model: openvino.Model) -> Run:
    """A network in floats, also where the processor has shorter ones."""
    request = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    return lambda batch: [np.array(value) for value in request.infer({0: batch}).values()]


def ranges(path: Path, batches: list[Batch]) -> dict[str, int8.Range]:
    """The least and the largest value that each convolution is given."""
    model = openvino.Core().read_model(path)
    nodes = int8.convolutions(model)
    values = [node.input_value(0) for node in nodes]
    all_axes = np.arange(4)
    lows = [ops.reduce_min(value, all_axes) for value in values]
    highs = [ops.reduce_max(value, all_axes) for value in values]
    run = compiled(openvino.Model([*lows, *highs], model.get_parameters()))
    found = np.array([[float(value) for value in run(batch)] for batch in batches])
    low, high = found[:, : len(nodes)].min(axis=0), found[:, len(nodes) :].max(axis=0)
    return {
        node.get_friendly_name(): (round(float(least), 4), round(float(most), 4))
        for node, least, most in zip(nodes, low, high, strict=True)
    }


def blank(path: Path, batches: list[Batch]) -> list[list[float]]:
    """What the feature maps that runners.rows touches hold in the padding: a mean per channel."""
    model = openvino.Core().read_model(path)
    columns = ops.unsqueeze(ops.transpose(rows.tokens(model)[0], np.array([0, 2, 1])), np.array([2]))
    values = [node.input_value(0) for node in rows.pools(model)] + [columns.output(0)]
    run = compiled(openvino.Model(values, model.get_parameters()))
    found = []
    for batch in batches:
        width = batch.shape[3]
        line = int(np.flatnonzero(batch.any(axis=(0, 1, 2)))[-1])
        if width == TRAINED_WIDTH and line < width / 2:
            half_way = (line + width) / 2 / width
            found.append([value[0, :, :, int(half_way * value.shape[3])].mean(axis=1) for value in run(batch)])
    return [[round(float(mean), 4) for mean in np.mean(maps, axis=0)] for maps in zip(*found, strict=True)]


def harm(path: Path, chosen: dict[str, int8.Range], batches: list[Batch], wanted: list[NDArray[np.float32]]) -> float:
    """How far the answers are from those in floats when the chosen convolutions are quantized."""
    model = openvino.Core().read_model(path)
    int8.insert(model, chosen)
    run = compiled(model)
    return float(sum(np.abs(run(batch)[0] - answer).mean() for batch, answer in zip(batches, wanted, strict=True)))


def robust(path: Path, found: dict[str, int8.Range], batches: list[Batch], in_floats: int) -> dict[str, int8.Range]:
    """The ranges without those of the convolutions that 8 bits harm most."""
    some = batches[::3]
    run = compiled(openvino.Core().read_model(path))
    wanted = [run(batch)[0] for batch in some]
    by_harm = sorted(tqdm(found, desc=path.name), key=lambda name: harm(path, {name: found[name]}, some, wanted))
    kept = set(by_harm[: len(found) - in_floats])
    return {name: value for name, value in found.items() if name in kept}


def main() -> None:
    """Write both files anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    table, paddings = {}, {}
    for model in ("ppocrv6", "ppocrv4"):
        files, given = locate(model), inputs(model, folder)
        for name, path in (("detector", files.detector), ("recognizer", files.recognizer)):
            found = robust(path, ranges(path, given[name]), given[name], IN_FLOATS[name])
            table[fingerprint(path)] = found
        paddings[fingerprint(files.recognizer)] = blank(files.recognizer, given["recognizer"])
    padding.FILE.write_text(json.dumps(paddings, separators=(",", ":")) + "\n", "utf-8")
    int8.RANGES.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
