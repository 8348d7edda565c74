"""The weights of small networks, and their outputs."""

import numpy as np
import openvino
from numpy.typing import NDArray


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(shape).uniform(-1, 1, shape).astype(np.float32)


def answers(model: openvino.Model, *given: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.array(value) for value in compiled(list(given)).values()]


def answer(model: openvino.Model, *given: NDArray[np.float32]) -> NDArray[np.float32]:
    return answers(model, *given)[0]
