"""The runner on ONNX Runtime: wherever OpenVINO does not run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from networks import blank_skipping, early_exit, padding
from ocr.recognizer import UnpaddedRecognizer
from ocr.types import BestClasses, DetectorNetwork, Recognize
from runners import pipeline
from runners.pipeline import Network, PipelineRunner, RecognizerNetwork, make_detector_network

MAX_WIDTH_DIFFERENCE_PX = 48  # of lines in a batch; for ONNX Runtime so many more pixels cost as much as another pass

FurtherInputs = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""The inputs of a network besides the batch, by name, for a batch."""


class OnnxRunner(PipelineRunner):
    """ONNX Runtime's CPU provider."""

    name = "onnx"

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        plane = early_exit.plane(path)
        if plane is None:
            return make_detector_network(self.make_network(self.load_session(path)))
        from networks import graph, onnx_rewrites  # noqa: PLC0415 - as below

        model = graph.read(path)
        self.record("pruned channels", applied=onnx_rewrites.prune_channels(model))
        self.record("early exit")
        model = onnx_rewrites.add_early_exit(model, plane)
        return make_detector_network(self.make_network(self.load_session(model.SerializeToString())))

    def load_recognizer_network(self, path: Path) -> RecognizerNetwork:
        session = self.load_session(path)
        charset = pipeline.read_charset(path, session.get_modelmeta().custom_metadata_map)
        return RecognizerNetwork(self._pick_best_classes(session, charset), charset)

    def load_recognizer(self, path: Path) -> Recognize:
        if not padding.is_known(path):
            return super().load_recognizer(path)
        from networks import unpadded  # noqa: PLC0415 - the runner on cards does without, and without the package onnx

        self.record("unpadded lines", "blank skipping")
        model = unpadded.rewrite(path)
        charset = pipeline.read_charset(path, {entry.key: entry.value for entry in model.metadata_props})
        lines, last = (self.load_session(part.SerializeToString()) for part in unpadded.split_last_layer(model))
        columns = self.make_network(lines, lambda batch: unpadded.describe_padding(path, len(batch), batch.shape[3]))
        classes = blank_skipping.skip_blanks(self._pick_best_classes(last, charset), blank_skipping.read_plane(path))
        return UnpaddedRecognizer(
            lambda batch: classes(columns(batch)[0]), charset, max_extra_width=MAX_WIDTH_DIFFERENCE_PX
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
        has_space = session.get_outputs()[0].shape[-1] != len(charset)  # charset has one; the blank is a class, too
        self.record("space prior", applied=has_space)
        return pipeline.pick_best_classes(self.make_network(session), charset)
