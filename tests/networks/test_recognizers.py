"""Packed and unpadded lines are read as if each were alone and padded."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from networks import padding, recipes
from networks.graph import Graph, read
from networks.recognizers import find_pools, find_tokens, pack_lines, unpad
from ocr.model_files import locate
from ocr.recognizer import PX_PER_COLUMN, TRAILING_SPACE_PX, TRAINED_WIDTH_PX, decode_ctc, resize
from runners.pipeline import pick_best_classes, read_charset
from tests.fakes.networks import Array, answers, answers_of_openvino, convolve, network, random

CHANNELS = 3


def norm(graph: Graph, value: str) -> str:
    centred = graph.add("Sub", value, graph.add("ReduceMean", value, axes=[-1]))
    squares = graph.add("ReduceMean", graph.add("Pow", centred, graph.add_constant(np.float32(2))), axes=[-1])
    root = graph.add("Sqrt", graph.add("Add", squares, graph.add_constant(np.float32(1e-5))))
    scaled = graph.add("Mul", graph.add("Div", centred, root), graph.add_constant(random(CHANNELS)))
    return graph.add("Add", scaled, graph.add_constant(random(1, CHANNELS)[0]))


def recognizer(*, attention: bool = True) -> Graph:
    """What makes up PP-OCR's recognizers, a layer of each: convolution, excitation, attention if any, classes."""

    def read_lines(graph: Graph, value: str) -> str:
        cells = convolve(graph, value, random(CHANNELS, 3, 12, 4), random(1, CHANNELS, 1, 1), strides=[12, 4])
        kernel = random(CHANNELS, 1, 1, 3)
        kernel[..., 2] = 0  # to the right it would see the padding where the line is alone, and zeros in a packed one
        mixed = convolve(graph, cells, kernel, group=CHANNELS, pads=[0, 1, 0, 1])
        pooled = graph.add("ReduceMean", mixed, axes=[2, 3])
        gate = graph.add("Sigmoid", convolve(graph, pooled, random(CHANNELS, CHANNELS, 1, 1)))
        columns = graph.add("AveragePool", graph.add("Mul", mixed, gate), kernel_shape=[4, 2], strides=[4, 2])
        flat = graph.add("Reshape", columns, graph.add_constant(np.array([0, CHANNELS, -1])))
        given = graph.add("Transpose", flat, perm=[0, 2, 1])
        if attention:
            heads = norm(graph, given)
            seen = graph.add("MatMul", heads, graph.add("Transpose", heads, perm=[0, 2, 1]))
            attended = graph.add("MatMul", graph.add("Softmax", seen, axis=2), heads)
            given = norm(graph, graph.add("Add", given, attended))
        return graph.add("Softmax", graph.add("MatMul", given, graph.add_constant(random(CHANNELS, 5))), axis=2)

    return network((None, 3, 48, None), read_lines)


def look_inside(value: str, graph: Graph, given: Array) -> Array:
    graph.add_output(value, rank=4)
    return answers(graph, given)[-1]


def describe(line: Array, path: Path, monkeypatch: pytest.MonkeyPatch, *, attention: bool) -> None:
    """Say what the padding behind a line adds; what a gate leaves of it depends on the line, so here it is its own."""
    graph = recognizer(attention=attention)
    of_padding = look_inside(find_pools(graph)[0].input[0], graph, np.zeros((1, 3, 48, 80), np.float32))
    column = np.empty(0, np.float32)
    if attention:
        graph = recognizer()
        padded = np.pad(line, ((0, 0), (0, 0), (0, 0), (0, max(TRAINED_WIDTH_PX - line.shape[3], 32))))
        column = look_inside(find_tokens(graph)[0], graph, padded)[0, -1]
    means = [of_padding[0, :, :, 10].mean(axis=1), column]
    monkeypatch.setattr(padding, "read_means", {path: means}.get)


@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("width", [360, 104, 48])
@pytest.mark.parametrize("engine", [answers, answers_of_openvino])
def test_a_line_is_read_as_if_it_were_alone_and_padded(
    engine: object, width: int, attention: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rec.onnx"
    lines = [random(1, 3, 48, length) for length in (width, 360, 104)]
    for line in lines:
        line[..., -TRAILING_SPACE_PX:] = 0
    alone = np.pad(lines[0], ((0, 0), (0, 0), (0, 0), (0, max(0, TRAINED_WIDTH_PX - width))))
    expected = answers(recognizer(attention=attention), alone)[0][:, : width // PX_PER_COLUMN]
    describe(lines[0], path, monkeypatch, attention=attention)

    slots: list[slice] = []
    packed = np.zeros((1, 3, 48, 1280), np.float32)
    for line in lines:
        start = slots[-1].stop + 8 if slots else 0
        slots.append(slice(start, start + line.shape[3]))
        packed[..., slots[-1]] = line
    graph = recognizer(attention=attention)
    pack_lines(graph, path)
    (found, *_) = engine(graph, packed, *padding.describe_packed(path, slots, 1280).values())  # type: ignore[operator]
    np.testing.assert_allclose(found[:, : width // PX_PER_COLUMN], expected, atol=1e-4)

    graph = recognizer(attention=attention)
    unpad(graph, path)
    (found, *_) = engine(graph, lines[0], *padding.describe_unpadded(path, 1, width).values())  # type: ignore[operator]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_other_models_are_not_known(tmp_path: Path) -> None:
    (tmp_path / "rec.onnx").write_bytes(b"a model")
    assert not padding.is_known(tmp_path / "rec.onnx")


def draw(text: str) -> NDArray[np.uint8]:
    """A cut-out line of printed text."""
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.2, 2)
    pixels = np.full((48, width + 8, 3), 235, dtype=np.uint8)
    cv2.putText(pixels, text, (4, 36), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 2)
    return pixels


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_the_real_recognizers_read_short_lines_without_padding(model: str) -> None:
    path = locate(model).recognizer
    padded = onnxruntime.InferenceSession(path)
    name = padded.get_inputs()[0].name
    characters = read_charset(path, padded.get_modelmeta().custom_metadata_map)
    graph = read(path)
    unpad(graph, path)
    own = onnxruntime.InferenceSession(graph.sort().SerializeToString())
    for text in ("7", "EUR", "4.50", "Total:", "2024-03-17", "Thank you!", "Table 12 / 4"):
        pixels = draw(text)
        width = pixels.shape[1]
        batch = np.zeros((2, 3, 48, TRAINED_WIDTH_PX), dtype=np.float32)
        batch[:, :, :, :width] = resize(pixels, width)
        (expected, _), (score, _) = pick_best_classes(lambda lines: padded.run(None, {name: lines}), characters)(batch)
        slot = min(TRAINED_WIDTH_PX, -(-(width + TRAILING_SPACE_PX) // PX_PER_COLUMN) * PX_PER_COLUMN)
        answer = own.run(None, {name: batch[..., :slot], **padding.describe_unpadded(path, 2, slot)})[0]
        found, sure = decode_ctc(characters, answer[1].argmax(axis=1), answer[1].max(axis=1))
        assert found == text
        assert sure == pytest.approx(decode_ctc(characters, expected, score)[1], abs=0.03)


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
@pytest.mark.parametrize("width", [TRAINED_WIDTH_PX, 512])
def test_the_last_layer_is_a_network_of_its_own_and_wide_lines_are_read_as_before(model: str, width: int) -> None:
    path = locate(model).recognizer
    batch = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, width)).astype(np.float32)
    (expected,) = answers(read(path), batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("networks.int8.quantize", lambda *_, **__: False)
        lines, last = (
            onnxruntime.InferenceSession(part) for part in recipes.make_known_recognizer(path, openvino=False).models
        )
    given = padding.describe_unpadded(path, 2, width)
    (columns,) = lines.run(None, {lines.get_inputs()[0].name: batch, **given})
    assert columns.shape == (2, width // PX_PER_COLUMN, 120)
    (found,) = last.run(None, {last.get_inputs()[0].name: columns})
    np.testing.assert_allclose(found, expected, atol=1e-5)
