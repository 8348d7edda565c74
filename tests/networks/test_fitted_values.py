"""Every fitted file says what it was made from, and fits the model that it is for."""

from pathlib import Path

import pytest

from networks import early_exit, fitted_values, recognizers
from networks.graph import read
from networks.pruned_channels import prune_channels
from ocr.model_files import locate

MODELS = [locate(model) for model in ("ppocrv6", "ppocrv4")]


@pytest.mark.parametrize("name", fitted_values.NAMES)
def test_each_entry_has_its_header(name: str) -> None:
    for entry in fitted_values.read(name).values():
        assert {"model", "photos", "command", "date", "gain"} <= entry["made"].keys()
        assert entry["values"]


def test_the_files_are_those_that_are_read() -> None:
    assert sorted(path.stem for path in fitted_values.FOLDER.iterdir()) == sorted(fitted_values.NAMES)


@pytest.mark.parametrize("path", [path for files in MODELS for path in (files.detector, files.recognizer)])
def test_the_values_fit_the_installed_models(path: Path) -> None:
    graph = read(path)
    prune_channels(graph)
    kernels = {node.name: graph.read_constant(node.input[1]).shape for node in graph.nodes("Conv")}
    for name, values in fitted_values.find("int8", path).items():
        assert (len(values["scales"]), 1, 1) == (len(values["means"]), 1, 1) == kernels[name][1:]
    if plane := early_exit.plane(path):
        for name, weights in plane.weights.items():
            assert len(weights) in {0, kernels[name][1]}
    if padding := fitted_values.find("padding", path):
        squeezes = [graph.find_consumer(pool.output[0], "Conv") for pool in recognizers.find_pools(graph)]
        columns = len(graph.read_constant(recognizers.find_last_layer(graph).input[1]))
        assert [len(means) for means in padding] == [*(kernels[node.name][1] for node in squeezes), columns]
        assert len(fitted_values.find("blank_skipping", path)) == columns + 1
