"""Small networks, their weights, and what engines answer."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
from numpy.typing import NDArray
from onnx import helper

from networks.graph import Graph

Array = NDArray[np.float32]
Step = Callable[[Graph, str], str]
"""Adds operations behind a value; gives the last one's."""


def random(*shape: int) -> Array:
    return np.random.default_rng(shape).uniform(-1, 1, shape).astype(np.float32)


def network(shape: Sequence[int | None], *make: Step) -> Graph:
    """A network of one input, `given`; each of `make` makes an output."""
    given = helper.make_tensor_value_info("given", onnx.TensorProto.FLOAT, shape)
    model = helper.make_model(helper.make_graph([], "network", [given], []), ir_version=7)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 11))
    graph = Graph(model)
    for step in make:
        graph.add_output(step(graph, "given"), rank=len(shape))
    return graph


def convolve(graph: Graph, value: str, weights: Array, bias: Array | None = None, **attributes: Any) -> str:
    product = graph.add("Conv", value, graph.add_constant(weights), **attributes)
    return product if bias is None else graph.add("Add", graph.add_constant(bias), product)


def answers(network: Graph | onnx.ModelProto, *given: NDArray[np.generic]) -> list[Array]:
    """ONNX Runtime's."""
    model = network.sort() if isinstance(network, Graph) else network
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, given, strict=True)))  # type: ignore[no-any-return]


def answers_of_openvino(network: Graph, *given: NDArray[np.generic]) -> list[Array]:
    """OpenVINO's, in float32."""
    core = openvino.Core()
    model = core.read_model(network.sort().SerializeToString())
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.array(value) for value in compiled(list(given)).values()]


def kinds(network: Graph) -> list[str]:
    return sorted(node.op_type for node in network.sort().graph.node)
