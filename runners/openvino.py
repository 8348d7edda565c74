"""The runner on OpenVINO, for Intel and AMD processors, and ARM ones too."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray

from networks import blank_skipping, padding, processor
from ocr.line_packing import INPUT_WIDTHS_PX, PackedLineRecognizer
from ocr.model_files import read_characters
from ocr.recognizer import INPUT_HEIGHT_PX
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Pixels, Recognize
from runners import prepared
from runners.base import Options
from runners.pipeline import PipelineRunner, RecognizerNetwork, read_charset

DETECTOR_CACHE = {"CPU_RUNTIME_CACHE_CAPACITY": 600}
"""OpenVINO keeps what it prepared for a shape, 3 MB, to be faster the second time: room for a dozen shapes or more."""

Array = NDArray[np.float32]


class _Made(NamedTuple):
    """What a model file becomes."""

    models: Sequence[openvino.Model]
    optimisations: Sequence[str]
    """What was applied to them."""
    charset: Sequence[str] = ()
    """A recognizer's characters."""


class OpenVinoRunner(PipelineRunner):
    """OpenVINO's CPU device, in int8 where that is faster."""

    name = "openvino"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._core = openvino.Core()
        self.device = self._core.get_property("CPU", "FULL_DEVICE_NAME")

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        (request,), _ = self._prepare(path, self._make_detector, DETECTOR_CACHE)

        def network(pixels: Pixels) -> DetectorOutput:
            with self._cores:
                found = request.infer({0: pixels[np.newaxis]}, share_inputs=True)
            return DetectorOutput(*(value[0, 0] for value in found.values()))

        return network

    def _make_detector(self, path: Path) -> _Made:
        from networks import recipes  # noqa: PLC0415 - with the package onnx, which networks that are kept do without

        made = recipes.make_detector(path, openvino=True)
        return _Made([self._core.read_model(model) for model in made.models], made.optimisations)

    def load_recognizer(self, path: Path) -> Recognize:
        if not padding.is_known(path):
            return super().load_recognizer(path)
        (last, *packing), charset = self._prepare(path, self._make_packed_recognizer)
        classes = blank_skipping.skip_blanks(self._pick_best_classes(last, charset), blank_skipping.read_plane(path))
        networks = dict(zip(INPUT_WIDTHS_PX, packing, strict=True))

        def network(packed: Array, lines: Sequence[slice]) -> tuple[NDArray[np.int64], Array]:
            width = packed.shape[3]
            given: dict[int | str, Array] = {0: packed}
            given.update(padding.describe_packed(path, lines, width))
            with self._cores:
                (best,), (probability,) = classes(networks[width].infer(given, share_inputs=True)[0])
            return best, probability

        return PackedLineRecognizer(network, charset)

    def _make_packed_recognizer(self, path: Path) -> _Made:
        """The last layer, and what comes before it for each of INPUT_WIDTHS_PX."""
        from networks import recipes  # noqa: PLC0415 - as above

        made = recipes.make_known_recognizer(path, openvino=True)
        lines, last = (self._core.read_model(model) for model in made.models)
        packing = []
        for width in INPUT_WIDTHS_PX:
            packed = lines.clone()  # with the same weights in memory
            shapes: dict[int | str, list[int]] = {0: [1, 3, INPUT_HEIGHT_PX, width]}
            for name, value in padding.describe_packed(path, [], width).items():
                shapes[name] = list(value.shape)
            packed.reshape(shapes)
            packing.append(packed)
        return _Made([last, *packing], made.optimisations, read_charset(path, made.metadata))

    def load_recognizer_network(self, path: Path) -> RecognizerNetwork:
        (request,), charset = self._prepare(path, self._make_recognizer)
        classes = self._pick_best_classes(request, charset)

        def network(batch: Array) -> tuple[NDArray[np.int64], Array]:
            with self._cores:
                return classes(batch)

        return RecognizerNetwork(network, charset)

    def _make_recognizer(self, path: Path) -> _Made:
        from networks import recipes  # noqa: PLC0415 - as above

        made = recipes.make_recognizer(path)
        (model,) = (self._core.read_model(model) for model in made.models)
        return _Made([model], made.optimisations, read_charset(path, made.metadata))

    def _pick_best_classes(self, request: openvino.InferRequest, charset: Sequence[str]) -> BestClasses:
        """The best classes that a recognizer or its last layer finds; one call at a time."""

        def network(batch: Array) -> Sequence[Array]:
            return [request.infer({0: batch}, share_inputs=True, share_outputs=True)[0]]

        return self.pick_best_classes(network, request.model_outputs[0].get_partial_shape()[2], charset)

    def _prepare(
        self, path: Path, make: Callable[[Path], _Made], config: Mapping[str, int] = {}
    ) -> tuple[Sequence[openvino.InferRequest], Sequence[str]]:
        """The networks that `make` makes of a model file, ready to run, and the characters; from disk if kept there."""
        # One stream: it uses all cores for one photo, and memory is per stream
        config = {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self._options.threads, **config}
        folder = self._options.prepared_dir
        file = folder and prepared.locate(folder, path, make.__name__, [*self._describe(), read_characters(path)])
        kept = file and prepared.read(file)
        with ThreadPoolExecutor() as pool:  # each network takes one core
            if kept:
                optimisations, charset = kept.optimisations, kept.charset
                compiled = list(
                    pool.map(lambda network: self._core.import_model(network, "CPU", config), kept.networks)
                )
            else:
                models, optimisations, charset = make(path)
                compiled = list(pool.map(lambda model: self._core.compile_model(model, "CPU", config), models))
                if file:
                    networks = [network.export_model().getvalue() for network in compiled]
                    prepared.write(file, prepared.Prepared(networks, optimisations, charset))
        self.record(*optimisations)
        return [network.create_infer_request() for network in compiled], charset

    def _describe(self) -> Sequence[object]:
        """What prepared networks depend on, besides their files."""
        precision = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT")
        instructions = processor.has_exact_sums(), os.environ.get("ONEDNN_MAX_CPU_ISA")
        return openvino.get_version(), self.device, precision, *instructions
