"""Runs networks outside the service, and rounds what is measured of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

Batch = NDArray[np.float32]
Run = Callable[[Batch], list[NDArray[np.float32]]]


def compiled(model: openvino.Model) -> Run:
    """A network in float32, even where the processor has bfloat16."""
    request = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    return lambda batch: [np.array(value) for value in request.infer({0: batch}).values()]


def rounded(values: NDArray[np.floating[Any]]) -> list[float]:
    """Numbers with three significant digits."""
    return [float(f"{value:.3g}") for value in values]
