"""Measure what the files of networks/fitted/ hold of a model, on the photos of a folder.

    python -m fitting.calibrate FOLDER [--model ppocrv4]

FOLDER has a manifest.jsonl (benchmarks/photos.py). The photos are read in floats, and a sample of what the networks
are given runs through each network again, which shows the range of each convolution's input. What a recognizer makes
of the padding behind a short line is measured half way between the line and the edge. Then the photos are read as
always, which shows which columns of their lines are blank. For early_exit.json see fitting/early_exit.py.
"""

import argparse
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import photos
from fitting import early_exit as early_exit_fitting
from fitting import logistic
from fitting.networks import Array, compiled, rounded
from networks import fitted_values, int8, recognizers
from networks.graph import read
from networks.pruned_channels import prune_channels
from ocr.model_files import fingerprint, locate
from ocr.recognizer import TRAINED_WIDTH_PX
from ocr.types import BestClasses, Limits, planes
from runners.base import Options
from runners.openvino import OpenVinoRunner
from runners.pipeline import RecognizerNetwork

COMMAND = "python -m fitting.calibrate FOLDER"
GAINS = {
    "int8": "docs/adr/0009",
    "padding": "docs/adr/0016 and 0017",
    "blank_skipping": "docs/adr/0019",
    "early_exit": "docs/adr/0020",
}
"""Where it stands what each of them gains."""

PHOTOS_PER_SET = 3
SAMPLE_BATCHES = {"detector": 24, "recognizer": 80}
TEXT_WEIGHT = 100  # of a column that is not blank, where one that is weighs 1
MAX_TEXT_SKIPPED_SHARE = 1e-4  # of the columns that are not blank


def _make_options(model: str) -> Options:
    return Options(model, threads=2, limits=Limits(2000, 200_000_000, 0.5))


def record_inputs(model: str, folder: Path) -> dict[str, list[Array]]:
    """A sample of what the two networks are given when the photos are read."""
    given: dict[str, list[Array]] = {"detector": [], "recognizer": []}

    class Recording(OpenVinoRunner):
        def load_detector_network(self, path: Path) -> Any:
            network = super().load_detector_network(path)
            if path != locate(model).detector:  # another model's, for the coarse pass
                return network
            return lambda pixels: given["detector"].append(planes(pixels)[np.newaxis]) or network(pixels)  # type: ignore[func-returns-value]

        def load_recognizer_network(self, path: Path) -> Any:
            network = super().load_recognizer_network(path)

            def record(batch: Array) -> Any:
                given["recognizer"].append(batch[-1:])
                return network.best_classes(batch)

            return RecognizerNetwork(record, network.charset)

    no = Mock(return_value=False)
    with patch("networks.processor.is_faster_in_int8", no), patch("networks.padding.is_known", no):
        runner = Recording(_make_options(model))
        runner.load()
    taken: dict[str, int] = {}
    for photo in tqdm(photos.load(folder), desc=f"{model}: reading", unit="photo"):
        taken[photo.set] = taken.get(photo.set, 0) + 1
        if taken[photo.set] <= PHOTOS_PER_SET:
            runner.read(photo.path.read_bytes())
    chance = random.Random(0)  # noqa: S311 - the same sample every time
    return {name: chance.sample(batches, min(SAMPLE_BATCHES[name], len(batches))) for name, batches in given.items()}


def measure_ranges(path: Path, batches: list[Array], *, unshared: bool) -> dict[str, int8.InputRange]:
    """The range of each convolution's input; `unshared` leaves out inputs that something else takes, too.

    Quantizing a shared input is a step of its own where the engine does not know the shapes beforehand, and takes as
    long as it saves.
    """
    graph = read(path)
    prune_channels(graph)
    found_nodes = int8.find_convolutions(graph, graph.infer_shapes(batches[0].shape))
    nodes = [node for node in found_nodes if not unshared or len(graph.find_consumers(node.input[0])) == 1]
    kinds = "ReduceMin", "ReduceMax", "ReduceMean"
    over_map = [graph.add(kind, node.input[0], axes=[0, 2, 3], keepdims=0) for node in nodes for kind in kinds]
    run = compiled(graph, over_map, rank=1)
    found = list(zip(*(run(batch) for batch in batches), strict=True))
    pixels = [batch.shape[2] * batch.shape[3] for batch in batches]
    return {
        node.name: int8.InputRange(
            *choose_levels(np.min(lows, axis=0), np.max(highs, axis=0), graph.read_constant(node.input[1])),
            rounded(np.average(means, axis=0, weights=pixels)),
        )
        for node, lows, highs, means in zip(nodes, found[::3], found[1::3], found[2::3], strict=True)
    }


def choose_levels(low: Array, high: Array, kernel: Array) -> tuple[int, list[float]]:
    """The level of zero, of 256, and the value of each channel at the last level, with the least noise.

    `low` and `high` are the lowest and highest values of each input channel of a convolution, (C,); its weights are
    the `kernel`, (outputs, C, 1, 1).
    """
    zeros = np.arange(1, 129)[:, np.newaxis]
    scales = np.maximum(np.maximum(high, -low * (255 - zeros) / zeros), 1e-5)
    loudness = (kernel**2).sum(axis=(0, 2, 3))
    best = int(np.argmin((loudness * (scales / (255 - zeros)) ** 2).sum(axis=1)))
    return int(zeros[best, 0]), rounded(scales[best])


def measure_padding(path: Path, batches: list[Array]) -> list[list[float]]:
    """The means per channel, in the padding, of the feature maps that networks.recognizers changes."""
    graph = read(path)
    values = [node.input[0] for node in recognizers.find_pools(graph)]
    attention = bool(recognizers.find_attentions(graph))
    if attention:
        columns, _ = recognizers.find_tokens(graph)
        values.append(graph.add("Unsqueeze", graph.add("Transpose", columns, perm=[0, 2, 1]), axes=[2]))
    run = compiled(graph, values, rank=4)
    found = []
    for batch in batches:
        width = batch.shape[3]
        line = int(np.flatnonzero(batch.any(axis=(0, 1, 2)))[-1])
        if width == TRAINED_WIDTH_PX and line < width / 2:
            half_way = (line + width) / 2 / width
            found.append([value[0, :, :, int(half_way * value.shape[3])].mean(axis=1) for value in run(batch)])
    means = [[round(float(mean), 4) for mean in np.mean(maps, axis=0)] for maps in zip(*found, strict=True)]
    return means if attention else [*means, []]


def record_columns(model: str, folder: Path) -> tuple[Array, NDArray[np.bool_]]:
    """What the last layer is given of all lines, (K, C), and which of these columns are blank, (K,)."""
    given: list[Array] = []
    blank: list[NDArray[np.bool_]] = []

    def record(classes: BestClasses, _: object) -> BestClasses:
        def network(columns: Array) -> tuple[NDArray[np.int64], Array]:
            best, probability = classes(columns)
            given.extend(columns.copy())
            blank.extend(best == 0)
            return best, probability

        return network

    with patch("networks.blank_skipping.read_plane"), patch("networks.blank_skipping.skip_blanks", record):
        runner = OpenVinoRunner(_make_options(model))
        runner.load()
    for photo in tqdm(photos.load(folder), desc=f"{model}: columns", unit="photo"):
        runner.read(photo.path.read_bytes())
    return np.concatenate(given), np.concatenate(blank)


def fit_plane(columns: Array, blank: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The plane between blank columns (positive) and others, moved until few of the others are on the wrong side."""
    plane = -logistic.plane(columns, ~blank, TEXT_WEIGHT)
    plane[-1] -= np.quantile(columns[~blank] @ plane[:-1] + plane[-1], 1 - MAX_TEXT_SKIPPED_SHARE)
    return plane


def main() -> None:
    """Write the entries of a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="ppocrv6")
    arguments = parser.parse_args()
    model, folder = arguments.model, arguments.folder
    files, batches = locate(model), record_inputs(model, folder)

    def write(name: str, path: Path, values: object) -> None:
        made = {"model": f"{model}/{path.name}", **describe_photos(folder), "command": f"{COMMAND} --model {model}"}
        made |= {"date": str(datetime.now(UTC).date()), "gain": GAINS[name]}
        write_entry(name, path, {"made": made, "values": values})

    for kind, path in (("detector", files.detector), ("recognizer", files.recognizer)):
        ranges = measure_ranges(path, batches[kind], unshared=kind == "detector")
        write("int8", path, {node: values._asdict() for node, values in ranges.items()})
    write("padding", files.recognizer, measure_padding(files.recognizer, batches["recognizer"]))
    if files.coarse_detector == files.detector:
        write("early_exit", files.detector, early_exit_fitting.fitted(files.detector, folder)._asdict())
    write("blank_skipping", files.recognizer, rounded(fit_plane(*record_columns(model, folder))))


def describe_photos(folder: Path) -> dict[str, object]:
    """How many photos there are, and a hash of their list: without the photos it tells whether they are the same."""
    names = [str(photo.path.relative_to(folder)) for photo in photos.load(folder)]
    return {"photos": len(names), "list_sha256": sha256("\n".join(names).encode()).hexdigest()}


def write_entry(name: str, model: Path, entry: Mapping[str, object]) -> None:
    """Put a model's entry into the file of a name; those of other models stay."""
    table = dict(fitted_values.read(name)) | {fingerprint(model): entry}
    (fitted_values.FOLDER / f"{name}.json").write_text(json.dumps(table, separators=(",", ":")) + "\n", "utf-8")
    fitted_values.read.cache_clear()


if __name__ == "__main__":
    main()
