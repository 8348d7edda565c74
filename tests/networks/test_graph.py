"""Networks are read without what is in the way of changing them, and written as engines want them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from networks.graph import cut, read
from tests.fakes.networks import answers, kinds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """x + 2, copied, and that + 2, copied for the output; one 2 is an operation, the other an input with a value."""
    two = numpy_helper.from_array(np.array([2], dtype=np.float32))
    nodes = [
        helper.make_node("Constant", [], ["two"], value=two),
        helper.make_node("Add", ["x", "two"], ["once"]),
        helper.make_node("Identity", ["once"], ["copy"]),
        helper.make_node("Identity", ["copy"], ["copy of a copy"]),
        helper.make_node("Add", ["copy of a copy", "2"], ["twice"]),
        helper.make_node("Identity", ["twice"], ["y"]),
    ]
    x, y, given = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None]) for name in "xy2")
    constant = numpy_helper.from_array(np.array([2], dtype=np.float32), "2")
    graph = helper.make_graph(nodes, "sums", [given, x], [y], [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    helper.set_model_props(model, {"character": "a"})
    model.ir_version = 8
    onnx.save(model, tmp_path / "sums.onnx")
    return tmp_path / "sums.onnx"


def test_what_is_read_has_neither_copies_nor_constants_among_its_operations(file: Path) -> None:
    graph = read(file)
    assert kinds(graph) == ["Add", "Add", "Identity"]  # the output keeps its name
    assert graph.inputs == ["x"]
    assert answers(graph, np.array([1], np.float32))[0].tolist() == [5]
    assert [(entry.key, entry.value) for entry in graph.sort().metadata_props] == [("character", "a")]


def test_branches_keep_what_they_take(tmp_path: Path) -> None:
    """|x| if it adds up to more than 1.5, else -x: both are copies made outside."""
    number = helper.make_tensor_value_info
    branches = []
    for name in ("large", "small"):
        value = number(f"{name} out", onnx.TensorProto.FLOAT, None)
        copied = helper.make_node("Identity", [f"{name} copy"], [value.name])
        branches.append(helper.make_graph([copied], name, [], [value]))
    nodes = [
        helper.make_node("Constant", [], ["bound"], value_float=1.5),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "bound"], ["more"]),
        *(helper.make_node(kind, ["x"], [name]) for kind, name in (("Abs", "large"), ("Neg", "small"))),
        *(helper.make_node("Identity", [name], [f"{name} copy"]) for name in ("large", "small")),
        helper.make_node("If", ["more"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    x, y = (number(name, onnx.TensorProto.FLOAT, [None]) for name in "xy")
    graph = helper.make_graph(nodes, "branches", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "branches.onnx")
    read_again = read(tmp_path / "branches.onnx")
    assert answers(read_again, np.array([-1, 4], np.float32))[0].tolist() == [1, 4]
    assert answers(read_again, np.array([-1, 1], np.float32))[0].tolist() == [1, -1]


def test_operations_come_in_order_and_those_that_nobody_needs_go(file: Path) -> None:
    graph = read(file)
    first, second = graph.nodes("Add")
    graph.add("Sqrt", first.output[0])
    tripled = graph.add("Mul", first.output[0], graph.add_constant(np.array([3], np.float32)))
    graph.redirect(first.output[0], tripled, [second])
    assert kinds(graph) == ["Add", "Add", "Identity", "Mul"]
    assert answers(graph, np.array([1], np.float32))[0].tolist() == [11]  # 3 * (1 + 2) + 2


def test_a_value_is_computed_otherwise(file: Path) -> None:
    graph = read(file)
    first, _ = graph.nodes("Add")
    graph.replace(first.output[0], graph.add("Neg", "x"))
    assert answers(graph, np.array([1], np.float32))[0].tolist() == [1]  # -1 + 2


def test_a_network_is_cut_in_two(file: Path) -> None:
    graph = read(file)
    first, _ = graph.nodes("Add")
    start, rest = cut(graph, [first.output[0]], rank=1)
    (between,) = answers(start, np.array([1], np.float32))
    assert between.tolist() == [3]
    assert answers(rest, between)[0].tolist() == [5]
