"""Measure what the files of networks/fitted/ hold, on the photos of a folder.

    python -m fitting.calibrate FOLDER

FOLDER has a manifest.jsonl (benchmarks/photos.py). The photos are read in floats; what the networks are given is
kept, and a sample of it runs through each network again, to see what the convolutions are given. What a recognizer
makes of the padding behind a short line is noted half way between the line and the edge. Then they are read as they
always are, to see which columns of their lines are blank. For early_exit.json see fitting/early_exit.py.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops
from tqdm import tqdm

from benchmarks import photos
from fitting import early_exit as texts
from fitting import logistic
from fitting.networks import Batch, compiled, rounded
from networks import blank_skipping, early_exit, int8, openvino_rewrites, packed_lines, padding
from ocr.model_files import fingerprint, locate
from ocr.recognizer import TRAINED_WIDTH_PX
from ocr.types import BestClasses, Limits, planes
from runners.base import Options
from runners.openvino import OpenVinoRunner
from runners.pipeline import OpenRecognizer

MODELS = "ppocrv6", "ppocrv4"
PHOTOS_PER_SET = 3
SAMPLE = {"detector": 24, "recognizer": 80}
SEEN = 100  # times; what a column that is not blank weighs for each that is
SKIPPED = 1e-4  # of the columns that are not blank, the share that may be on the side of those that are


def _options(model: str) -> Options:
    return Options(model, threads=2, limits=Limits(2000, 200_000_000, 0.5))


def inputs(model: str, folder: Path) -> dict[str, list[Batch]]:
    """What the two networks are given when the photos are read, a sample of it."""
    given: dict[str, list[Batch]] = {"detector": [], "recognizer": []}

    class Recording(OpenVinoRunner):
        def open_detector(self, path: Path) -> Any:
            network = super().open_detector(path)
            if path != locate(model).detector:  # another model's, that glances
                return network
            return lambda pixels: given["detector"].append(planes(pixels)[np.newaxis]) or network(pixels)  # type: ignore[func-returns-value]

        def open_recognizer(self, path: Path) -> Any:
            opened = super().open_recognizer(path)

            def network(batch: Batch) -> Any:
                given["recognizer"].append(batch[-1:])
                return opened.network(batch)

            return OpenRecognizer(network, opened.charset)

    with patch("networks.int8.pays", return_value=False), patch("networks.padding.known", return_value=False):
        runner = Recording(_options(model))
        runner.load()
    taken: dict[str, int] = {}
    for photo in tqdm(photos.load(folder), desc=f"{model}: reading", unit="photo"):
        taken[photo.set] = taken.get(photo.set, 0) + 1
        if taken[photo.set] <= PHOTOS_PER_SET:
            runner.read(photo.path.read_bytes())
    chance = random.Random(0)  # noqa: S311 - the same sample every time
    return {name: chance.sample(batches, min(SAMPLE[name], len(batches))) for name, batches in given.items()}


def statistics(path: Path, batches: list[Batch], *, alone: bool) -> dict[str, int8.Given]:
    """What each convolution is given; `alone` leaves out those whose input something else takes too.

    To quantize such an input is a step of its own where the engine does not know the shapes beforehand, and takes as
    long as it saves.
    """
    model = openvino_rewrites.prune_channels(openvino.Core().read_model(path))
    nodes = [node for node in int8.convolutions(model) if not alone or len(users(node.input_value(0))) == 1]
    over_map = np.array([0, 2, 3])
    values = [node.input_value(0) for node in nodes]
    kinds = (ops.reduce_min, ops.reduce_max, ops.reduce_mean)
    run = compiled(
        openvino.Model([kind(value, over_map) for value in values for kind in kinds], model.get_parameters())
    )
    found = list(zip(*(run(batch) for batch in batches), strict=True))
    pixels = [batch.shape[2] * batch.shape[3] for batch in batches]
    return {
        node.get_friendly_name(): int8.Given(
            *levels(np.min(lows, axis=0), np.max(highs, axis=0), node),
            rounded(np.average(means, axis=0, weights=pixels)),
        )
        for node, lows, highs, means in zip(nodes, found[::3], found[1::3], found[2::3], strict=True)
    }


def users(value: openvino.Output) -> list[openvino.Node]:
    """What computes with a value."""
    nodes = [target.get_node() for target in value.get_target_inputs()]
    return [node for node in nodes if node.get_type_name() != "ShapeOf"]


def levels(low: NDArray[np.float32], high: NDArray[np.float32], node: openvino.Node) -> tuple[int, list[float]]:
    """Of 256 levels the one that zero has, and the value of each channel that has the last: with the least noise."""
    zeros = np.arange(1, 129)[:, np.newaxis]
    scales = np.maximum(np.maximum(high, -low * (255 - zeros) / zeros), 1e-5)
    loudness = (node.input_value(1).get_node().data.astype(np.float32) ** 2).sum(axis=(0, 2, 3))
    best = int(np.argmin((loudness * (scales / (255 - zeros)) ** 2).sum(axis=1)))
    return int(zeros[best, 0]), rounded(scales[best])


def blank(path: Path, batches: list[Batch]) -> list[list[float]]:
    """What the feature maps that networks.packed_lines touches hold in the padding: a mean per channel."""
    model = openvino.Core().read_model(path)
    columns = ops.unsqueeze(ops.transpose(packed_lines.tokens(model)[0], np.array([0, 2, 1])), np.array([2]))
    values = [node.input_value(0) for node in packed_lines.pools(model)] + [columns.output(0)]
    run = compiled(openvino.Model(values, model.get_parameters()))
    found = []
    for batch in batches:
        width = batch.shape[3]
        line = int(np.flatnonzero(batch.any(axis=(0, 1, 2)))[-1])
        if width == TRAINED_WIDTH_PX and line < width / 2:
            half_way = (line + width) / 2 / width
            found.append([value[0, :, :, int(half_way * value.shape[3])].mean(axis=1) for value in run(batch)])
    return [[round(float(mean), 4) for mean in np.mean(maps, axis=0)] for maps in zip(*found, strict=True)]


def columns(model: str, folder: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What the last layer is given of all lines, (K, C), and which of these columns are blank, (K,)."""
    given: list[NDArray[np.float32]] = []
    blank: list[NDArray[np.bool_]] = []

    def recording(classes: BestClasses, _: object) -> BestClasses:
        def network(columns: Batch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            best, probability = classes(columns)
            given.extend(columns.copy())
            blank.extend(best == 0)
            return best, probability

        return network

    with patch("networks.blank_skipping.plane"), patch("networks.blank_skipping.skipping", recording):
        runner = OpenVinoRunner(_options(model))
        runner.load()
    for photo in tqdm(photos.load(folder), desc=f"{model}: columns", unit="photo"):
        runner.read(photo.path.read_bytes())
    return np.concatenate(given), np.concatenate(blank)


def plane(columns: NDArray[np.float32], blank: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Between the columns that are blank and the others, moved until few are on the wrong side."""
    found = -logistic.plane(columns, ~blank, SEEN)
    found[-1] -= np.quantile(columns[~blank] @ found[:-1] + found[-1], 1 - SKIPPED)
    return found


def main() -> None:
    """Write the files anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    table, paddings = {}, {}
    for model in MODELS:
        files, taken = locate(model), inputs(model, folder)
        for name, path in (("detector", files.detector), ("recognizer", files.recognizer)):
            found = statistics(path, taken[name], alone=name == "detector")
            table[fingerprint(path)] = {node: values._asdict() for node, values in found.items()}
        paddings[fingerprint(files.recognizer)] = blank(files.recognizer, taken["recognizer"])
    _write(padding.FILE, paddings)
    _write(int8.FILE, table)
    detector = locate(texts.MODEL).detector
    _write(early_exit.FILE, {fingerprint(detector): texts.fitted(detector, folder)._asdict()})
    _write(
        blank_skipping.FILE,
        {fingerprint(locate(model).recognizer): rounded(plane(*columns(model, folder))) for model in MODELS},
    )


def _write(file: Path, table: object) -> None:
    file.write_text(json.dumps(table, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
