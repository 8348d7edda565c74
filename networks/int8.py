"""Convolutions in 8 bits, for processors that multiply these several times faster than floats.

Quantization needs to know what a convolution is given. For the models that we know, fitted/int8.json tells, by the
SHA-256 of the ONNX file and the name of the convolution; fitting/calibrate.py made it. A convolution that is not named
there stays in floats (docs/adr/0009).
"""

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

from networks.openvino_rewrites import is_pixel, redirect
from ocr.model_files import fingerprint

FILE = Path(__file__).parent / "fitted" / "int8.json"
CPUINFO = Path("/proc/cpuinfo")
EXACT = {"avx512_vnni", "avx_vnni", "amx_int8"}
"""Instructions that add up products of bytes in 32 bits. Others add two up in 16 bits first, which overflows easily."""

PAIR = 1.25
"""Times 127 that the weights of two neighbouring channels may be together, where products are added up in pairs.

At 1 their sum never overflows; but weights are finer then, and two channels are seldom at their largest at once: on
photos, the answers were nearest to those in floats at 1.25 (of 1, 1.25, 1.5 and without a bound).
"""

FEWEST = 96
"""Channels that a convolution is given; those of fewer stay in floats."""


class Given(NamedTuple):
    """What a convolution is given, by input channel: in 8 bits, values of `scales` become 255, and 0 becomes `zero`."""

    zero: int
    scales: Sequence[float]
    means: Sequence[float]


def pays() -> bool:
    """Whether OpenVINO is faster with 8 bits here: it is on x86, whatever instructions it has."""
    return platform.machine() in {"x86_64", "AMD64"}


def quantize(model: openvino.Model, path: Path) -> None:
    """Have the convolutions of a model that we know run in 8 bits; `path` is the file that it was read from.

    Its dead channels are left out before (networks.openvino_rewrites).
    """
    known: dict[str, dict[str, Any]] = json.loads(FILE.read_text("utf-8"))
    insert(model, {name: Given(**values) for name, values in known.get(fingerprint(path), {}).items()})


def insert(model: openvino.Model, given: Mapping[str, Given]) -> None:
    """Quantize input and weights of the named convolutions, which OpenVINO then runs in 8 bits."""
    exact = sums_are_exact()
    for node in convolutions(model):
        if node.get_friendly_name() in given:
            _quantize(node, given[node.get_friendly_name()], exact=exact)
    model.validate_nodes_and_infer_types()


def _quantize(node: openvino.Node, given: Given, *, exact: bool) -> None:
    """Jacob et al. 2018 (https://arxiv.org/abs/1712.05877), with two remedies that cost no time.

    Channels are brought to one range, and the weights keep the product (SmoothQuant, Xiao et al. 2023,
    https://arxiv.org/abs/2211.10438). What rounded weights change for the mean input is taken off again (Nagel et al.
    2019, https://arxiv.org/abs/1906.04721).
    """
    scales, means = (np.array(values, dtype=np.float32).reshape(1, -1, 1, 1) for values in (given.scales, given.means))
    low, high = (np.full((1, 1, 1, 1), bound, dtype=np.float32) for bound in (given.zero / (given.zero - 255), 1))
    levels = ops.fake_quantize(node.input_value(0), low * scales, high * scales, low, high, 256)
    weights = node.input_value(1).get_node().data * scales
    largest = reach(weights, exact=exact).reshape(-1, 1, 1, 1).clip(1e-8)
    kernel = ops.fake_quantize(ops.constant(weights), -largest, largest, -largest, largest, 255)
    rounded = np.round(weights / largest * 127) / 127 * largest
    lost = ((weights - rounded) * means / scales).sum(axis=(1, 2, 3)).reshape(1, -1, 1, 1)
    users = node.output(0).get_target_inputs()
    node.input(0).replace_source_output(levels.output(0))
    node.input(1).replace_source_output(kernel.output(0))
    redirect(users, ops.add(node, lost))


def reach(weights: NDArray[np.float32], *, exact: bool) -> NDArray[np.float32]:
    """What becomes 127, by output channel: the largest weight or, unless sums are exact, less of two neighbours."""
    rows = weights.reshape(len(weights), -1)
    largest: NDArray[np.float32] = np.abs(rows).max(axis=1)
    if not exact:
        pairs = np.abs(np.add.reduceat(rows, np.arange(0, rows.shape[1], 2), axis=1))
        largest = np.maximum(largest, pairs.max(axis=1) / PAIR)
    return largest


def sums_are_exact() -> bool:
    """Whether this processor adds up products of bytes in 32 bits; False where nobody can tell."""
    try:
        flags = next(line for line in CPUINFO.read_text("utf-8").splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):  # not Linux
        return False
    return not EXACT.isdisjoint(flags.split())


def convolutions(model: openvino.Model) -> list[openvino.Node]:
    """Those that can be quantized: of 1 x 1, over a map. Others gain little, and those of few channels lose most."""
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution" and _fits(node)]


def _fits(node: openvino.Node) -> bool:
    _, channels, *kernel = node.input_value(1).get_shape()
    return channels >= FEWEST and kernel == [1, 1] and not is_pixel(node.input_value(0))
