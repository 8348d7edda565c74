"""Packed lines are read as if each were alone."""

from pathlib import Path

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from networks import packed_lines, padding
from ocr.line_packing import SMALL_INPUT_PX
from ocr.model_files import locate
from ocr.recognizer import PX_PER_COLUMN, TRAILING_SPACE_PX, TRAINED_WIDTH_PX

CHANNELS = 3


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(shape).uniform(-1, 1, shape).astype(np.float32)


def norm(value: openvino.Node) -> openvino.Node:
    centred = ops.subtract(value, ops.reduce_mean(value, np.array([2]), keep_dims=True))
    squares = ops.reduce_mean(ops.power(centred, np.float32(2)), np.array([2]), keep_dims=True)
    scaled = ops.divide(centred, ops.sqrt(ops.add(squares, np.float32(1e-5))))
    return ops.add(ops.multiply(scaled, random(CHANNELS)), random(1, CHANNELS)[0])


def recognizer(*, attention: bool = True) -> openvino.Model:
    """What makes up PP-OCR's recognizers, a layer of each: convolution, excitation, attention if any, classes."""
    pixels = ops.parameter([-1, 3, 48, -1], np.float32)
    cells = ops.convolution(pixels, ops.constant(random(CHANNELS, 3, 12, 4)), [12, 4], [0, 0], [0, 0], [1, 1])
    cells = ops.add(cells, ops.constant(random(1, CHANNELS, 1, 1)))
    kernel = random(CHANNELS, 1, 1, 1, 3)
    kernel[..., 2] = 0  # to the right it would see the padding where the line is alone, and zeros in a packed one
    mixed = ops.group_convolution(cells, ops.constant(kernel), [1, 1], [0, 1], [0, 1], [1, 1])
    pooled = ops.reduce_mean(mixed, np.array([2, 3]), keep_dims=True)
    weights = ops.constant(random(CHANNELS, CHANNELS, 1, 1))
    gate = ops.sigmoid(ops.convolution(pooled, weights, [1, 1], [0, 0], [0, 0], [1, 1]))
    columns = ops.avg_pool(ops.multiply(mixed, gate), [4, 2], [0, 0], [0, 0], [4, 2], exclude_pad=True)
    given = ops.transpose(ops.squeeze(columns, np.array([2])), np.array([0, 2, 1]))
    classes = ops.constant(random(CHANNELS, 5))
    if not attention:
        return openvino.Model([ops.matmul(given, classes, False, False)], [pixels])
    heads = ops.unsqueeze(norm(given), np.array([1]))
    seen = ops.softmax(ops.matmul(heads, heads, transpose_a=False, transpose_b=True), 3)
    attended = ops.squeeze(ops.matmul(seen, heads, transpose_a=False, transpose_b=False), np.array([1]))
    return openvino.Model([ops.matmul(norm(ops.add(given, attended)), classes, False, False)], [pixels])


def run(model: openvino.Model, *given: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.array(openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(list(given))[0])


@pytest.mark.parametrize("attention", [True, False])
def test_the_network_reads_each_packed_line_as_if_it_were_alone(
    attention: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rec.onnx"
    model = recognizer(attention=attention)
    inside = openvino.Model([packed_lines.find_pools(model)[0].input_value(0)], model.get_parameters())
    of_padding = run(inside, np.zeros((1, 3, 48, 80), np.float32))[0, :, :, 10].mean(axis=1)

    lines = [random(1, 3, 48, width) for width in (360, 104, 48)]
    for line in lines:
        line[..., -TRAILING_SPACE_PX:] = 0
    spans = [slice(0, 360), slice(368, 472), slice(480, 528)]
    packed = np.zeros((1, 3, 48, 1280), np.float32)
    for line, span in zip(lines, spans, strict=True):
        packed[..., span] = line

    for line, span in zip(lines, spans, strict=True):
        missing = max(0, TRAINED_WIDTH_PX - line.shape[3])
        expected = run(recognizer(attention=attention), np.pad(line, ((0, 0), (0, 0), (0, 0), (0, missing))))
        # what a gate leaves of the padding depends on the line; a constant cannot, so here it is that of this line
        column = np.empty(0, np.float32)
        if attention:
            tokens = openvino.Model([packed_lines.find_tokens(model)[0]], model.get_parameters())
            column = run(tokens, np.pad(line, ((0, 0), (0, 0), (0, 0), (0, max(missing, 32)))))[0, -1]
        monkeypatch.setattr(padding, "read_means", {file: [of_padding, column]}.get)
        rewritten = recognizer(attention=attention)
        packed_lines.rewrite(rewritten, file, 1280)
        found = run(rewritten, packed, *packed_lines.make_line_masks(spans, 1280))
        steps = slice(span.start // PX_PER_COLUMN, span.stop // PX_PER_COLUMN)
        np.testing.assert_allclose(found[:, steps], expected[:, : line.shape[3] // PX_PER_COLUMN], atol=1e-4)


def test_other_models_are_not_known(tmp_path: Path) -> None:
    (tmp_path / "rec.onnx").write_bytes(b"a model")
    assert not padding.is_known(tmp_path / "rec.onnx")


@pytest.mark.parametrize("name", ["ppocrv6", "ppocrv4"])
def test_the_paddings_are_those_of_the_installed_models(name: str) -> None:
    path = locate(name).recognizer
    model = openvino.Core().read_model(path)
    packed_lines.rewrite(model, path, SMALL_INPUT_PX)
    assert [list(given.shape) for given in model.inputs[:1]] == [[1, 3, 48, SMALL_INPUT_PX]]
