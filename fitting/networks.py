"""Runs networks outside the service, and rounds what is measured of them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from networks.graph import Graph

Array = NDArray[np.float32]


def compiled(graph: Graph, values: Sequence[str], rank: int) -> Callable[[Array], list[Array]]:
    """What computes some values, with `rank` dimensions, of a network in float32; they become outputs of it."""
    for value in {*values} - {*graph.outputs}:
        graph.add_output(value, rank)
    session = onnxruntime.InferenceSession(graph.sort().SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda batch: session.run(values, {graph.inputs[0]: batch})


def rounded(values: NDArray[np.floating[Any]]) -> list[float]:
    """Numbers with three significant digits."""
    return [float(f"{value:.3g}") for value in values]
