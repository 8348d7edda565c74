"""What becomes of a model file for each engine: all that is done to a network before the engine loads it.

Nothing here is needed where what was made is kept (runners/prepared.py): making it takes the package onnx.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import onnx

from networks import detectors, early_exit, int8, processor, recognizers
from networks.graph import Graph, cut, read
from networks.pruned_channels import prune_channels


class Made(NamedTuple):
    """Networks for an engine, in ONNX format."""

    models: Sequence[bytes]
    optimisations: Sequence[str]
    """What was applied to them."""
    metadata: Mapping[str, str]
    """That of the file."""


def make_detector(path: Path, *, openvino: bool) -> Made:
    """A detector of pixels, (1, H, W, 3) in 0..255: for OpenVINO, or for ONNX Runtime.

    If we know it, it also answers the evidence of text in each cell, and ends early where there is none. For ONNX
    Runtime it is then two networks: what the first answers besides the evidence, its last output, the second takes.
    """
    graph = read(path)
    applied = {"pruned channels": prune_channels(graph)}
    applied["quarter-size head"] = detectors.replace_transposed_convolutions(graph)
    plane = early_exit.plane(path)
    if plane:
        applied["early exit"] = True
        takers = detectors.find_takers(graph, plane.weights)
        maps = [node.input[0] for node in takers]
        evidence = detectors.add_evidence(graph, takers, plane)
        if openvino:
            detectors.exit_early(graph, evidence, takers)
    if openvino:
        applied["int8"] = processor.is_faster_in_int8() and int8.quantize(graph, path, int8.convolve)
    detectors.take_bytes(graph)
    models = cut(graph, maps, 4, [evidence]) if plane and not openvino else [graph.sort()]
    return _finish(graph, models, applied)


def make_recognizer(path: Path) -> Made:
    """A recognizer as it is in its file."""
    graph = read(path)
    return _finish(graph, [graph.sort()], {})


def make_known_recognizer(path: Path, *, openvino: bool) -> Made:
    """A recognizer that we know, of packed lines for OpenVINO or of unpadded ones for ONNX Runtime.

    It is two networks: from lines to columns, (N, T, C), and from columns to the probabilities of all classes.
    """
    graph = read(path)
    applied = {"pruned channels": prune_channels(graph)}
    last = recognizers.find_last_layer(graph)
    if openvino:
        applied["packed lines"] = True
        recognizers.pack_lines(graph, path)
        applied["int8"] = processor.is_faster_in_int8() and int8.quantize(graph, path, int8.convolve)
    else:
        applied["unpadded lines"] = True
        recognizers.unpad(graph, path)
        applied["int8"] = int8.quantize(graph, path, int8.multiply_bytes, pairs=True)
    applied["blank skipping"] = True
    models = cut(graph, [last.input[0]], 3)
    return _finish(graph, models, applied)


def _finish(graph: Graph, models: Sequence[onnx.ModelProto], applied: Mapping[str, bool]) -> Made:
    metadata = {entry.key: entry.value for entry in graph.model.metadata_props}
    return Made(
        [model.SerializeToString() for model in models], [name for name, was in applied.items() if was], metadata
    )
