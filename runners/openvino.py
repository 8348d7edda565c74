"""The runner on OpenVINO, for Intel and AMD processors, and ARM ones too."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from networks import blank_skipping, early_exit, early_exit_openvino, int8, openvino_rewrites, packed_lines, padding
from networks.openvino_rewrites import Array
from ocr.line_packing import INPUT_WIDTHS_PX, PackedLineRecognizer
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Pixels, Recognize
from runners.base import Options
from runners.pipeline import PipelineRunner, RecognizerNetwork, read_charset

DETECTOR_CACHE = {"CPU_RUNTIME_CACHE_CAPACITY": 600}
"""OpenVINO keeps what it prepared for a shape, 3 MB, to be faster the second time: room for a dozen shapes or more."""


class OpenVinoRunner(PipelineRunner):
    """OpenVINO's CPU device, in int8 where that is faster."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._core = openvino.Core()
        self.device = self._core.get_property("CPU", "FULL_DEVICE_NAME")

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        model = self._read(path)
        self.record("quarter-size head", applied=openvino_rewrites.replace_transposed_convolutions(model))
        self.record("fused squeeze-and-excitation", applied=openvino_rewrites.fuse_squeeze_excitation(model))
        if plane := early_exit.plane(path):
            self.record("early exit")
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

    def load_recognizer(self, path: Path) -> Recognize:
        if not padding.is_known(path):
            return super().load_recognizer(path)
        model = self._read(path)
        self.record("packed lines", "blank skipping")
        charset = _read_charset(path, model)
        last = openvino_rewrites.split_last_layer(model.clone())[1]
        classes = blank_skipping.skip_blanks(self._pick_best_classes(last, charset), blank_skipping.read_plane(path))
        with ThreadPoolExecutor() as pool:  # each takes one core
            requests = pool.map(lambda width: self._compile_packed(model, path, width), INPUT_WIDTHS_PX)
            networks = dict(zip(INPUT_WIDTHS_PX, requests, strict=True))

        def network(packed: Array, lines: Sequence[slice]) -> tuple[NDArray[np.int64], Array]:
            width = packed.shape[3]
            line_masks = packed_lines.make_line_masks(lines, width)
            with self._cores:
                columns = networks[width].infer([packed, *line_masks], share_inputs=True)[0]
                (best,), (probability,) = classes(columns)
            return best, probability

        return PackedLineRecognizer(network, charset)

    def _compile_packed(self, model: openvino.Model, path: Path, width: int) -> openvino.InferRequest:
        model = model.clone()  # with the same weights in memory
        packed_lines.rewrite(model, path, width)
        return self._compile(openvino_rewrites.split_last_layer(model)[0])

    def load_recognizer_network(self, path: Path) -> RecognizerNetwork:
        model = self._read(path)
        charset = _read_charset(path, model)
        classes = self._pick_best_classes(model, charset)

        def network(batch: Array) -> tuple[NDArray[np.int64], Array]:
            with self._cores:
                return classes(batch)

        return RecognizerNetwork(network, charset)

    def _pick_best_classes(self, model: openvino.Model, charset: Sequence[str]) -> BestClasses:
        """The best classes that a recognizer or its last layer finds; one call at a time."""
        picking, favours_spaces = openvino_rewrites.pick_best_classes(model, charset)
        self.record("space prior", applied=favours_spaces)
        request = self._compile(picking)

        def network(batch: Array) -> tuple[NDArray[np.int64], Array]:
            result = request.infer({0: batch}, share_inputs=True)
            return result[0][..., 0], result[1][..., 0]

        return network

    def _read(self, path: Path) -> openvino.Model:
        model = self._core.read_model(path)
        self.record("pruned channels", applied=openvino_rewrites.prune_channels(model))
        self.record("int8", applied=int8.is_faster() and int8.quantize(model, path))
        if self._core.get_property("CPU", "INFERENCE_PRECISION_HINT") == openvino.Type.f32:
            self.record("summed convolutions", applied=openvino_rewrites.replace_concatenations(model))
        return model

    def _compile(self, model: openvino.Model, config: Mapping[str, int] = {}) -> openvino.InferRequest:
        # One stream: it uses all cores for one photo, and memory is per stream
        compiled = self._core.compile_model(
            model, "CPU", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self._options.threads, **config}
        )
        return compiled.create_infer_request()


def _read_charset(path: Path, model: openvino.Model) -> Sequence[str]:
    # ONNX metadata of OpenVINO's frontend: a map without get(), only there if the file has any
    info = model.get_rt_info()
    metadata = info["framework"] if "framework" in info else {}  # noqa: SIM401
    return read_charset(path, {key: metadata[key].value for key in metadata})
