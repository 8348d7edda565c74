"""The runner on OpenVINO, for Intel and AMD processors, and ARM ones too."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from networks import blank_skipping, early_exit, early_exit_openvino, int8, openvino_rewrites, packed_lines, padding
from ocr.line_packing import WIDTHS, PackedLineRecognizer
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

    def load(self) -> None:
        super().load()
        self.device = self._core.get_property("CPU", "FULL_DEVICE_NAME")

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        model = self._read(path)
        plane = early_exit.plane(path)
        self.record_optimisations(
            {
                "quarter-size detector head": openvino_rewrites.replace_transposed_convolutions(model),
                "fused squeeze-and-excitation": openvino_rewrites.fuse_squeeze_excitation(model),
                "early exit": plane is not None,
            }
        )
        if plane:
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
        self.record_optimisations({"packed lines": True, "blank skipping": True})
        charset = _read_charset(model)
        classes = blank_skipping.skip_blanks(
            self._pick_best_classes(openvino_rewrites.split_last_layer(model.clone())[1], charset),
            blank_skipping.read_plane(path),
        )
        with ThreadPoolExecutor() as pool:  # each takes one core
            requests = pool.map(lambda width: self._compile_packed(model, path, width), WIDTHS)
            networks = dict(zip(WIDTHS, requests, strict=True))

        def network(
            packed: NDArray[np.float32], lines: Sequence[slice]
        ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
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
        charset = _read_charset(model)
        classes = self._pick_best_classes(model, charset)

        def network(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            with self._cores:
                return classes(batch)

        return RecognizerNetwork(network, charset)

    def _pick_best_classes(self, model: openvino.Model, charset: Sequence[str]) -> BestClasses:
        """The best classes that a recognizer or its last layer finds; one call at a time."""
        picking, favours_spaces = openvino_rewrites.pick_best_classes(model, charset)
        self.record_optimisations({"space prior": favours_spaces})
        request = self._compile(picking)

        def network(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            result = request.infer({0: batch}, share_inputs=True)
            return result[0][..., 0], result[1][..., 0]

        return network

    def _read(self, path: Path) -> openvino.Model:
        model = self._core.read_model(path)
        in_float32 = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT") == openvino.Type.f32
        self.record_optimisations(
            {
                "pruned channels": openvino_rewrites.prune_channels(model),
                "int8": int8.is_faster() and int8.quantize(model, path),
                "summed convolutions": in_float32 and openvino_rewrites.replace_concatenations(model),
            }
        )
        return model

    def _compile(self, model: openvino.Model, config: Mapping[str, int] = {}) -> openvino.InferRequest:
        # One stream: it uses all cores for one photo, and memory is per stream
        compiled = self._core.compile_model(
            model, "CPU", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self._options.threads, **config}
        )
        return compiled.create_infer_request()


def _read_charset(model: openvino.Model) -> Sequence[str]:
    # ONNX metadata of OpenVINO's frontend: a map without get(), only there if the file has any
    info = model.get_rt_info()
    metadata = info["framework"] if "framework" in info else {}  # noqa: SIM401
    return read_charset({key: metadata[key].value for key in metadata})
