"""The runner on ONNX Runtime: wherever OpenVINO does not run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from networks import blank_skipping, padding, processor
from ocr.model_files import read_characters
from ocr.recognizer import UnpaddedRecognizer
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Pixels, Recognize
from runners import prepared
from runners.pipeline import Network, PipelineRunner, RecognizerNetwork, read_charset

MAX_WIDTH_DIFFERENCE_PX = 48  # of lines in a batch; for ONNX Runtime so many more pixels cost as much as another pass

FurtherInputs = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""The inputs of a network besides the batch, by name, for a batch."""


class OnnxRunner(PipelineRunner):
    """ONNX Runtime's CPU provider."""

    name = "onnx"

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        start, *rest = map(self.load_session, self._prepare(path, _make_detector).networks)
        (pixels_name,), names = (
            [value.name for value in values] for values in (start.get_inputs(), start.get_outputs())
        )
        lock = self.choose_lock()

        def network(pixels: Pixels) -> DetectorOutput:
            with lock:
                found = dict(zip(names, start.run(None, {pixels_name: pixels[np.newaxis]}), strict=True))
                if not rest:
                    return DetectorOutput(found[names[0]][0, 0])
                evidence = found.pop(names[-1])[0, 0]
                probability = rest[0].run(None, found)[0][0, 0] if evidence.max() > 0 else np.zeros((0, 0), np.float32)
            return DetectorOutput(probability, evidence)

        return network

    def load_recognizer_network(self, path: Path) -> RecognizerNetwork:
        session = self.load_session(path)
        charset = read_charset(path, session.get_modelmeta().custom_metadata_map)
        return RecognizerNetwork(self._pick_best_classes(session, charset), charset)

    def load_recognizer(self, path: Path) -> Recognize:
        if not padding.is_known(path):
            return super().load_recognizer(path)
        kept = self._prepare(path, _make_unpadded_recognizer)
        lines, last = map(self.load_session, kept.networks)
        columns = self.make_network(lines, lambda batch: padding.describe_unpadded(path, len(batch), batch.shape[3]))
        classes = self._pick_best_classes(last, kept.charset)
        classes = blank_skipping.skip_blanks(classes, blank_skipping.read_plane(path))
        return UnpaddedRecognizer(
            lambda batch: classes(columns(batch)[0]), kept.charset, max_extra_width=MAX_WIDTH_DIFFERENCE_PX
        )

    def load_session(self, model: Path | bytes) -> onnxruntime.InferenceSession:
        """Load an ONNX file, or the bytes that would be in one."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._options.threads
        options.enable_cpu_mem_arena = False  # the arena keeps the peak of every shape for ever
        options.enable_mem_pattern = False  # so do the patterns: 207 MB become 150
        options.add_session_config_entry("session.force_spinning_stop", "1")  # idle threads would burn a core
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def make_network(self, session: onnxruntime.InferenceSession, inputs: FurtherInputs = lambda _: {}) -> Network:
        """A network from a session: its outputs for a batch and its further inputs."""
        name = session.get_inputs()[0].name
        lock = self.choose_lock()

        def network(batch: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
            with lock:
                return session.run(None, {name: batch, **inputs(batch)})  # type: ignore[no-any-return]

        return network

    def _pick_best_classes(self, session: onnxruntime.InferenceSession, charset: Sequence[str]) -> BestClasses:
        return self.pick_best_classes(self.make_network(session), session.get_outputs()[0].shape[-1], charset)

    def _prepare(self, path: Path, make: Callable[[Path], prepared.Prepared]) -> prepared.Prepared:
        """What `make` makes of a model file; from disk if kept there."""
        folder, depends_on = self._options.prepared_dir, [processor.has_exact_sums(), read_characters(path)]
        file = folder and prepared.locate(folder, path, f"onnx_{make.__name__}", depends_on)
        kept = file and prepared.read(file)
        if not kept:
            kept = make(path)
            if file:
                prepared.write(file, kept)
        self.record(*kept.optimisations)
        return kept


def _make_detector(path: Path) -> prepared.Prepared:
    from networks import recipes  # noqa: PLC0415 - with the package onnx, which networks that are kept do without

    made = recipes.make_detector(path, openvino=False)
    return prepared.Prepared(made.models, made.optimisations, [])


def _make_unpadded_recognizer(path: Path) -> prepared.Prepared:
    from networks import recipes  # noqa: PLC0415 - as above

    made = recipes.make_known_recognizer(path, openvino=False)
    return prepared.Prepared(made.models, made.optimisations, read_charset(path, made.metadata))
