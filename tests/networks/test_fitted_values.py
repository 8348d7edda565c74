"""Every fitted file says what it was made from, and fits the model that it is for."""

from pathlib import Path

import openvino
import pytest

from networks import early_exit, early_exit_openvino, fitted_values, int8, openvino_rewrites, packed_lines
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
    model = openvino.Core().read_model(path)
    openvino_rewrites.prune_channels(model)
    inputs = {node.get_friendly_name(): node.input_value(1).get_shape()[1] for node in int8.find_convolutions(model)}
    for name, values in fitted_values.find("int8", path).items():
        assert len(values["scales"]) == len(values["means"]) == inputs[name]
    if plane := early_exit.plane(path):
        maps = [given.get_source_output() for given in early_exit_openvino.given_to(plane.weights, model)]
        for value, weights in zip(maps, plane.weights.values(), strict=True):
            assert len(weights) in {0, value.get_partial_shape()[1].get_length()}
    if padding := fitted_values.find("padding", path):
        first, last = packed_lines.find_tokens(model)
        maps = [*(node.input_value(0) for node in packed_lines.find_pools(model))]
        assert [len(means) for means in padding] == [
            *(value.get_partial_shape()[1].get_length() for value in maps),
            first.get_partial_shape()[2].get_length(),
        ]
        plane_size = len(fitted_values.find("blank_skipping", path)) - 1
        assert plane_size == last.get_partial_shape()[2].get_length()
