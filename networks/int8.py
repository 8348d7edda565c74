"""Convolutions in int8, for processors that multiply bytes several times faster than floats.

To quantize a convolution, one must know the range of its input: fitted/int8.json holds it by the name of the
convolution. One that is not named there stays in floats (docs/adr/0009).
"""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

from networks import fitted_values
from networks.openvino_rewrites import is_pixel, redirect

CPUINFO = Path("/proc/cpuinfo")
EXACT_SUM_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8"}
"""Instructions that add products of bytes up in 32 bits. Others add two up in 16 bits first, which easily overflows."""

MAX_PAIR_SUM = 1.25
"""Of the weights of two neighbouring channels, in times 127, where products are added up in pairs.

At 1 their sum never overflows; but weights are coarser then, and two channels are seldom at their largest at once: on
photos, the answers were nearest to those in floats at 1.25 (of 1, 1.25, 1.5 and without a bound).
"""

MIN_INPUT_CHANNELS = 96
"""Convolutions of fewer stay in floats."""


class InputRange(NamedTuple):
    """The input of a convolution on photos."""

    zero: int
    """The level, 1-128 of 0-255, that stands for 0."""
    scales: Sequence[float]
    """The value of each channel that level 255 stands for."""
    means: Sequence[float]
    """The mean of each channel."""


def is_faster() -> bool:
    """Whether OpenVINO is faster in int8 on this machine: it is on x86, whatever instructions the processor has."""
    return platform.machine() in {"x86_64", "AMD64"}


def quantize(model: openvino.Model, path: Path) -> bool:
    """Make the convolutions of a model, read from the file `path`, run in int8; returns whether we know the model.

    Its pruned channels must have been dropped before (networks.openvino_rewrites).
    """
    known: Mapping[str, Mapping[str, Any]] = fitted_values.find("int8", path) or {}
    insert_quantization(model, {name: InputRange(**values) for name, values in known.items()})
    return bool(known)


def insert_quantization(model: openvino.Model, ranges: Mapping[str, InputRange]) -> None:
    """Quantize input and weights of the named convolutions, which OpenVINO then runs in int8."""
    exact = has_exact_sums()
    for node in find_convolutions(model):
        if node.get_friendly_name() in ranges:
            _quantize(node, ranges[node.get_friendly_name()], exact=exact)
    model.validate_nodes_and_infer_types()


def _quantize(node: openvino.Node, given: InputRange, *, exact: bool) -> None:
    """Quantize as Jacob et al. 2018 (https://arxiv.org/abs/1712.05877) do, with two remedies that cost no time.

    Channels are scaled to one range, and the weights take the scales over (SmoothQuant, Xiao et al. 2023,
    https://arxiv.org/abs/2211.10438). What rounding the weights changes for the mean input is subtracted again (Nagel
    et al. 2019, https://arxiv.org/abs/1906.04721).
    """
    scales, means = (np.array(values, dtype=np.float32).reshape(1, -1, 1, 1) for values in (given.scales, given.means))
    low, high = (np.full((1, 1, 1, 1), bound, dtype=np.float32) for bound in (given.zero / (given.zero - 255), 1))
    levels = ops.fake_quantize(node.input_value(0), low * scales, high * scales, low, high, 256)
    weights = node.input_value(1).get_node().data * scales
    largest = find_largest_weights(weights, exact=exact).reshape(-1, 1, 1, 1).clip(1e-8)
    kernel = ops.fake_quantize(ops.constant(weights), -largest, largest, -largest, largest, 255)
    rounded = np.round(weights / largest * 127) / 127 * largest
    lost = ((weights - rounded) * means / scales).sum(axis=(1, 2, 3)).reshape(1, -1, 1, 1)
    users = node.output(0).get_target_inputs()
    node.input(0).replace_source_output(levels.output(0))
    node.input(1).replace_source_output(kernel.output(0))
    redirect(users, ops.add(node, lost))


def find_largest_weights(weights: NDArray[np.float32], *, exact: bool) -> NDArray[np.float32]:
    """The weight of each output channel that becomes 127: the largest, or more unless sums are exact (MAX_PAIR_SUM)."""
    by_channel = weights.reshape(len(weights), -1)
    largest: NDArray[np.float32] = np.abs(by_channel).max(axis=1)
    if not exact:
        pairs = np.abs(np.add.reduceat(by_channel, np.arange(0, by_channel.shape[1], 2), axis=1))
        largest = np.maximum(largest, pairs.max(axis=1) / MAX_PAIR_SUM)
    return largest


def has_exact_sums() -> bool:
    """Whether this processor adds products of bytes up in 32 bits; False where the system does not say."""
    try:
        flags = next(line for line in CPUINFO.read_text("utf-8").splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):  # not Linux
        return False
    return not EXACT_SUM_FLAGS.isdisjoint(flags.split())


def find_convolutions(model: openvino.Model) -> list[openvino.Node]:
    """Those that can be quantized: 1 x 1, over a map. Others gain little, and those with few channels lose most."""
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution" and _fits(node)]


def _fits(node: openvino.Node) -> bool:
    _, channels, *kernel = node.input_value(1).get_shape()
    return channels >= MIN_INPUT_CHANNELS and kernel == [1, 1] and not is_pixel(node.input_value(0))
