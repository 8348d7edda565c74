"""The runner on OpenVINO, for Intel and AMD processors, and ARM ones too."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from networks import blank_skipping, early_exit, early_exit_openvino, int8, openvino_rewrites, packed_lines, padding
from networks.openvino_rewrites import Array
from ocr.line_packing import INPUT_WIDTHS_PX, PackedLineRecognizer
from ocr.model_files import read_characters
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Pixels, Recognize
from runners import prepared
from runners.base import Options
from runners.pipeline import PipelineRunner, RecognizerNetwork, read_charset

DETECTOR_CACHE = {"CPU_RUNTIME_CACHE_CAPACITY": 600}
"""OpenVINO keeps what it prepared for a shape, 3 MB, to be faster the second time: room for a dozen shapes or more."""


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
        model, applied = self._read(path)
        applied["quarter-size head"] = openvino_rewrites.replace_transposed_convolutions(model)
        applied["fused squeeze-and-excitation"] = openvino_rewrites.fuse_squeeze_excitation(model)
        if plane := early_exit.plane(path):
            applied["early exit"] = True
            model = early_exit_openvino.add_early_exit(model, plane)
        build = PrePostProcessor(model)
        build.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        build.input().model().set_layout(openvino.Layout("NCHW"))
        build.input().preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(127.5)
        return _Made([build.build()], _list_applied(applied))

    def load_recognizer(self, path: Path) -> Recognize:
        if not padding.is_known(path):
            return super().load_recognizer(path)
        (last, *packing), charset = self._prepare(path, self._make_packed_recognizer)
        classes = blank_skipping.skip_blanks(_best_classes(last), blank_skipping.read_plane(path))
        networks = dict(zip(INPUT_WIDTHS_PX, packing, strict=True))

        def network(packed: Array, lines: Sequence[slice]) -> tuple[NDArray[np.int64], Array]:
            width = packed.shape[3]
            line_masks = packed_lines.make_line_masks(lines, width)
            with self._cores:
                columns = networks[width].infer([packed, *line_masks], share_inputs=True)[0]
                (best,), (probability,) = classes(columns)
            return best, probability

        return PackedLineRecognizer(network, charset)

    def _make_packed_recognizer(self, path: Path) -> _Made:
        """The last layer, and what comes before it for each of INPUT_WIDTHS_PX."""
        model, applied = self._read(path)
        applied |= {"packed lines": True, "blank skipping": True}
        charset = _read_charset(path, model)
        last, applied["space prior"] = openvino_rewrites.pick_best_classes(
            openvino_rewrites.split_last_layer(model.clone())[1], charset
        )
        packing = []
        for width in INPUT_WIDTHS_PX:
            packed = model.clone()  # with the same weights in memory
            packed_lines.rewrite(packed, path, width)
            packing.append(openvino_rewrites.split_last_layer(packed)[0])
        return _Made([last, *packing], _list_applied(applied), charset)

    def load_recognizer_network(self, path: Path) -> RecognizerNetwork:
        (request,), charset = self._prepare(path, self._make_recognizer)
        classes = _best_classes(request)

        def network(batch: Array) -> tuple[NDArray[np.int64], Array]:
            with self._cores:
                return classes(batch)

        return RecognizerNetwork(network, charset)

    def _make_recognizer(self, path: Path) -> _Made:
        model, applied = self._read(path)
        charset = _read_charset(path, model)
        picking, applied["space prior"] = openvino_rewrites.pick_best_classes(model, charset)
        return _Made([picking], _list_applied(applied), charset)

    def _read(self, path: Path) -> tuple[openvino.Model, dict[str, bool]]:
        """A model, and by optimisation whether it was applied."""
        model = self._core.read_model(path)
        applied = {"pruned channels": openvino_rewrites.prune_channels(model)}
        applied["int8"] = int8.is_faster() and int8.quantize(model, path)
        return model, applied

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
        instructions = int8.has_exact_sums(), os.environ.get("ONEDNN_MAX_CPU_ISA")
        return openvino.get_version(), self.device, precision, *instructions


def _list_applied(applied: Mapping[str, bool]) -> Sequence[str]:
    return [name for name, was in applied.items() if was]


def _best_classes(request: openvino.InferRequest) -> BestClasses:
    """The best classes that a recognizer or its last layer finds; one call at a time."""

    def network(batch: Array) -> tuple[NDArray[np.int64], Array]:
        result = request.infer({0: batch}, share_inputs=True)
        return result[0][..., 0], result[1][..., 0]

    return network


def _read_charset(path: Path, model: openvino.Model) -> Sequence[str]:
    # ONNX metadata of OpenVINO's frontend: a map without get(), only there if the file has any
    info = model.get_rt_info()
    metadata = info["framework"] if "framework" in info else {}  # noqa: SIM401
    return read_charset(path, {key: metadata[key].value for key in metadata})
