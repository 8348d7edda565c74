"""A network of a recognizer that reads grey levels, and a file with one that reads ink and paper."""

from pathlib import Path

import numpy as np
import onnx
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHARSET = "abcdefghi "
LEVEL = 20  # grey levels between two characters
STEP = 8  # pixels a step, as in PP-OCR
Steps = tuple[NDArray[np.int64], NDArray[np.float32]]


class GreyIsCharacter:
    """A recognizer's network: each step of 8 pixels gives the character that its grey level stands for."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batch: NDArray[np.float32]) -> Steps:
        self.shapes.append(batch.shape)
        levels = (batch.mean(axis=(1, 2)) + 1) * 127.5
        steps = levels.reshape(len(batch), -1, STEP).mean(axis=2)
        best = np.where(abs(steps - 127.5) < 2, 0, np.round(steps / LEVEL)).astype(int)  # 127.5 is the padding
        return best, np.full(best.shape, 0.9, dtype=np.float32)


def crop(text: str) -> NDArray[np.uint8]:
    """A crop that GreyIsCharacter reads as `text`: a step a character, a blank one between."""
    columns = [[level] * STEP for character in text for level in ((CHARSET.index(character) + 1) * LEVEL, 0)]
    row = np.array(columns or [[0] * STEP], dtype=np.uint8).reshape(-1)
    return np.broadcast_to(row[np.newaxis, :, np.newaxis], (48, len(row), 3)).copy()


texts = st.text(CHARSET, max_size=24).filter(lambda text: "  " not in text)


def write_ink_and_paper(path: Path, ink: str, paper: str, *, metadata: bool = True) -> None:
    """Write a recognizer in ONNX that reads two characters: a step of paper with ink and one without; grey is blank.

    Its characters are in its metadata, as in RapidOCR's, or in no place.
    """
    sharpness = 200.0
    weights = np.array([[0, 1, 3, 0]], np.float32) * sharpness  # blank, ink, paper, space
    biases = np.array([0, -0.1, -1.5, -1], np.float32) * sharpness
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["columns"], axes=[1, 2], keepdims=1),
        helper.make_node("AveragePool", ["columns"], ["pooled"], kernel_shape=[1, STEP], strides=[1, STEP]),
        helper.make_node("Squeeze", ["pooled", "axis"], ["squeezed"]),
        helper.make_node("Transpose", ["squeezed"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["steps", "weights"], ["sides"]),
        helper.make_node("Add", ["sides", "biases"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=2),
    ]
    constants = {"axis": np.array([2]), "weights": weights, "biases": biases}
    graph = helper.make_graph(
        nodes,
        "ink and paper",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 48, "W"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "T", 4])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if metadata:
        helper.set_model_props(model, {"character": f"{ink}\n{paper}\n"})
    onnx.save(model, path)
