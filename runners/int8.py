"""Convolutions in 8 bits, for processors that multiply these several times faster than floats.

Quantization needs the range of every convolution's input. Those of the models that we know stand in
int8.json, by the SHA-256 of the ONNX file: {"Conv.2": [low, high], ...}, made by benchmarks/calibrate.py.
A convolution that is not named there stays in floats, because 8 bits cost it too much (docs/adr/0009).
"""

import json
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13 as ops

from ocr.models import fingerprint

RANGES = Path(__file__).with_suffix(".json")
CPUINFO = Path("/proc/cpuinfo")
INSTRUCTIONS = {"avx512_vnni", "avx_vnni", "amx_int8"}
"""x86 that sums up products of bytes in one step; without them 8 bits are hardly faster and lose more."""

Range = tuple[float, float]


def pays() -> bool:
    """Whether this processor is faster with 8 bits."""
    try:
        flags = next(line for line in CPUINFO.read_text("utf-8").splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):  # not Linux, or not x86
        return False
    return not INSTRUCTIONS.isdisjoint(flags.split())


def quantize(model: openvino.Model, path: Path) -> None:
    """Have the convolutions of a model that we know run in 8 bits; `path` is the file that it was read from."""
    known: dict[str, dict[str, Range]] = json.loads(RANGES.read_text("utf-8"))
    insert(model, known.get(fingerprint(path), {}))


def insert(model: openvino.Model, ranges: dict[str, Range]) -> None:
    """Quantize input and weights of the named convolutions, which OpenVINO then runs in 8 bits.

    Inputs get one range, weights one per output channel (Jacob et al. 2018, https://arxiv.org/abs/1712.05877).
    """
    for node in convolutions(model):
        if node.get_friendly_name() in ranges:
            low, high = levels(*ranges[node.get_friendly_name()])
            bounds = [ops.constant(np.full((1, 1, 1, 1), bound, dtype=np.float32)) for bound in (low, high)]
            node.input(0).replace_source_output(ops.fake_quantize(node.input_value(0), *bounds, *bounds, 256).output(0))
            weights = node.input_value(1)
            largest = np.abs(weights.get_node().data).max(axis=(1, 2, 3), keepdims=True).clip(1e-8).astype(np.float32)
            bounds = [ops.constant(-largest), ops.constant(largest)]
            node.input(1).replace_source_output(ops.fake_quantize(weights, *bounds, *bounds, 255).output(0))
    model.validate_nodes_and_infer_types()


def convolutions(model: openvino.Model) -> list[openvino.Node]:
    """Those that can be quantized: depthwise ones gain nothing."""
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]


def levels(low: float, high: float) -> Range:
    """The range that 256 levels cover so that zero is one of them, as the padding of a convolution must be."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / 255
    zero = round(-low / step)
    return -zero * step, (255 - zero) * step
