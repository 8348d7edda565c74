"""The runner on OpenVINO, for Intel and AMD processors, and ARM ones too."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from networks import blank_skipping, early_exit, early_exit_openvino, int8, openvino_rewrites, packed_lines, padding
from ocr.line_packing import INPUT_WIDTHS_PX, PackedLineRecognizer
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Pixels, Recognize
from runners.base import Options
from runners.pipeline import OpenRecognizer, PipelineRunner, charset

DETECTOR_CACHE = {"CPU_RUNTIME_CACHE_CAPACITY": 600}
"""OpenVINO keeps what it prepared for a shape, to be faster the second time: 3 MB. This is room for a dozen or more."""


class OpenVinoRunner(PipelineRunner):
    """OpenVINO's CPU device, in int8 where that pays."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._core = openvino.Core()

    def load(self) -> None:
        super().load()
        self.device = self._core.get_property("CPU", "FULL_DEVICE_NAME")

    def open_detector(self, path: Path) -> DetectorNetwork:
        model = openvino_rewrites.fuse_squeeze_excitation(
            openvino_rewrites.replace_transposed_convolutions(self._read(path))
        )
        if plane := early_exit.plane(path):
            model = early_exit_openvino.add_early_exit(model, plane)
        build = PrePostProcessor(model)
        build.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        build.input().model().set_layout(openvino.Layout("NCHW"))
        build.input().preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(127.5)
        request = self._compile(build.build(), DETECTOR_CACHE)

        def network(pixels: Pixels) -> DetectorOutput:
            with self._cores:
                found = request.infer({0: pixels[np.newaxis]}, share_inputs=True)
            return DetectorOutput(*(value[0, 0] for value in found.values()))

        return network

    def recognizer(self, path: Path) -> Recognize:
        if not padding.known(path):
            return super().recognizer(path)
        model = self._read(path)
        characters = _charset(model)
        classes = blank_skipping.skipping(
            self._classes(openvino_rewrites.split(model.clone())[1], characters), blank_skipping.plane(path)
        )
        with ThreadPoolExecutor() as pool:  # each takes one core
            opened = pool.map(lambda width: self._open_rows(model, path, width), INPUT_WIDTHS_PX)
            networks = dict(zip(INPUT_WIDTHS_PX, opened, strict=True))

        def network(row: NDArray[np.float32], lines: Sequence[slice]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            width = row.shape[3]
            guides = packed_lines.guides(lines, width)
            with self._cores:
                columns = networks[width].infer([row, *guides], share_inputs=True)[0]
                (best,), (probability,) = classes(columns)
            return best, probability

        return PackedLineRecognizer(network, characters)

    def _open_rows(self, model: openvino.Model, path: Path, width: int) -> openvino.InferRequest:
        model = model.clone()  # with the same weights in memory
        packed_lines.rewrite(model, path, width)
        return self._compile(openvino_rewrites.split(model)[0])

    def open_recognizer(self, path: Path) -> OpenRecognizer:
        model = self._read(path)
        characters = _charset(model)
        classes = self._classes(model, characters)

        def network(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            with self._cores:
                return classes(batch)

        return OpenRecognizer(network, characters)

    def _classes(self, model: openvino.Model, characters: Sequence[str]) -> BestClasses:
        """The best classes that a recognizer or its last layer finds; one call at a time."""
        request = self._compile(openvino_rewrites.best_classes(model, characters))

        def network(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            result = request.infer({0: batch}, share_inputs=True)
            return result[0][..., 0], result[1][..., 0]

        return network

    def _read(self, path: Path) -> openvino.Model:
        model = openvino_rewrites.prune_channels(self._core.read_model(path))
        if int8.pays():
            int8.quantize(model, path)
        if self._core.get_property("CPU", "INFERENCE_PRECISION_HINT") == openvino.Type.f32:
            openvino_rewrites.replace_concatenations(model)
        return model

    def _compile(self, model: openvino.Model, config: Mapping[str, int] = {}) -> openvino.InferRequest:
        # One stream: it uses all cores for one photo, and memory is per stream
        compiled = self._core.compile_model(
            model, "CPU", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self._options.threads, **config}
        )
        return compiled.create_infer_request()


def _charset(model: openvino.Model) -> Sequence[str]:
    # ONNX metadata of OpenVINO's frontend: a map without get(), only there if the file has any
    info = model.get_rt_info()
    metadata = info["framework"] if "framework" in info else {}  # noqa: SIM401
    return charset({key: metadata[key].value for key in metadata})
