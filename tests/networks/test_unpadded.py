"""Unpadded lines are read as padded ones are."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from networks import padding, unpadded
from ocr.model_files import locate
from ocr.recognizer import PX_PER_COLUMN, TRAILING_SPACE_PX, TRAINED_WIDTH_PX, decode_ctc, resize
from runners.pipeline import pick_best_classes, read_charset

LINES = "x"  # the input in the models' files


def line(text: str) -> NDArray[np.uint8]:
    """A cut-out line of printed text."""
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.2, 2)
    pixels = np.full((48, width + 8, 3), 235, dtype=np.uint8)
    cv2.putText(pixels, text, (4, 36), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 2)
    return pixels


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_short_lines_are_read_as_if_they_were_padded(model: str) -> None:
    path = locate(model).recognizer
    padded = onnxruntime.InferenceSession(path)
    own = onnxruntime.InferenceSession(unpadded.rewrite(path).SerializeToString())
    characters = read_charset(path, padded.get_modelmeta().custom_metadata_map)
    for text in ("7", "EUR", "4.50", "Total:", "2024-03-17", "Thank you!", "Table 12 / 4"):
        pixels = line(text)
        width = pixels.shape[1]
        batch = np.zeros((2, 3, 48, TRAINED_WIDTH_PX), dtype=np.float32)
        batch[:, :, :, :width] = resize(pixels, width)
        (expected, _), (score, _) = pick_best_classes(lambda lines: padded.run(None, {LINES: lines}), characters)(batch)
        slot = min(TRAINED_WIDTH_PX, -(-(width + TRAILING_SPACE_PX) // PX_PER_COLUMN) * PX_PER_COLUMN)
        answer = own.run(None, {LINES: batch[..., :slot], **unpadded.describe_padding(path, 2, slot)})[0]
        found, sure = decode_ctc(characters, answer[1].argmax(axis=1), answer[1].max(axis=1))
        assert found == text
        assert sure == pytest.approx(decode_ctc(characters, expected, score)[1], abs=0.03)


def test_a_network_without_attention_takes_only_the_share_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, width = tmp_path / "rec.onnx", 96
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("Softmax", ["mean"], ["y"], axis=1),
    ]
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 4) for name in "xy")
    graph = helper.make_graph(nodes, "pool", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    of_padding = np.array([0.5, -1, 2], dtype=np.float32)
    monkeypatch.setattr(padding, "read_means", {path: [of_padding, np.empty(0, np.float32)]}.get)
    line_ = np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, width)).astype(np.float32)
    padded = np.tile(of_padding.reshape(1, 3, 1, 1), (1, 1, 48, TRAINED_WIDTH_PX))
    padded[..., :width] = line_
    (expected,) = onnxruntime.InferenceSession(path).run(None, {LINES: padded})
    own = onnxruntime.InferenceSession(unpadded.rewrite(path).SerializeToString())
    (found,) = own.run(None, {LINES: line_, **unpadded.describe_padding(path, 1, width)})
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_the_last_layer_is_a_network_of_its_own(model: str) -> None:
    path = locate(model).recognizer
    batch = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 96)).astype(np.float32)
    given_ = {LINES: batch, **unpadded.describe_padding(path, 2, 96)}
    whole = unpadded.rewrite(path)
    lines, classes = (
        onnxruntime.InferenceSession(part.SerializeToString()) for part in unpadded.split_last_layer(whole)
    )
    (columns,) = lines.run(None, given_)
    assert columns.shape == (2, 96 // PX_PER_COLUMN, 120)
    (found,) = classes.run(None, {classes.get_inputs()[0].name: columns})
    (expected,) = onnxruntime.InferenceSession(whole.SerializeToString()).run(None, given_)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
@pytest.mark.parametrize("width", [TRAINED_WIDTH_PX, 512])
def test_lines_without_padding_are_read_the_same(model: str, width: int) -> None:
    path = locate(model).recognizer
    batch = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, width)).astype(np.float32)
    expected = onnxruntime.InferenceSession(path).run(None, {LINES: batch})[0]
    own = onnxruntime.InferenceSession(unpadded.rewrite(path).SerializeToString())
    found = own.run(None, {LINES: batch, **unpadded.describe_padding(path, 2, width)})[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
