"""The runner on ONNX Runtime: wherever OpenVINO does not run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from networks import blank_skipping, early_exit, padding
from ocr.recognizer import UnpaddedRecognizer
from ocr.types import DetectorNetwork, Recognize
from runners.pipeline import Network, OpenRecognizer, Outputs, PipelineRunner, best_classes, charset, look

MAX_EXTRA_WIDTH_PX = 48  # computing that much more padding takes ONNX Runtime as long as another pass

Guides = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""Further inputs of a network, by name, for a batch."""


class OnnxRunner(PipelineRunner):
    """ONNX Runtime's CPU provider."""

    def open_detector(self, path: Path) -> DetectorNetwork:
        plane = early_exit.plane(path)
        if plane is None:
            return look(self.outputs(self.session(path)))
        from networks import graph, onnx_rewrites  # noqa: PLC0415 - as below

        model = onnx_rewrites.add_early_exit(onnx_rewrites.prune_channels(graph.read(path)), plane)
        return look(self.outputs(self.session(model.SerializeToString())))

    def open_recognizer(self, path: Path) -> OpenRecognizer:
        session = self.session(path)
        characters = charset(session.get_modelmeta().custom_metadata_map)
        return OpenRecognizer(best_classes(self.network(session), characters), characters)

    def recognizer(self, path: Path) -> Recognize:
        if not padding.known(path):
            return super().recognizer(path)
        from networks import unpadded  # noqa: PLC0415 - the runner on cards does without, and without the package onnx

        model = unpadded.rewrite(path)
        characters = charset({entry.key: entry.value for entry in model.metadata_props})
        lines, last = (self.session(part.SerializeToString()) for part in unpadded.split(model))
        columns = self.network(lines, lambda batch: unpadded.guides(path, len(batch), batch.shape[3]))
        classes = blank_skipping.skipping(best_classes(self.network(last), characters), blank_skipping.plane(path))
        return UnpaddedRecognizer(lambda batch: classes(columns(batch)), characters, max_extra_width=MAX_EXTRA_WIDTH_PX)

    def session(self, model: Path | bytes) -> onnxruntime.InferenceSession:
        """An ONNX file, or what would be in one, loaded."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._options.threads
        options.enable_cpu_mem_arena = False  # the arena keeps the peak of every shape for ever
        options.enable_mem_pattern = False  # so do the patterns: 207 MB become 150
        options.add_session_config_entry("session.force_spinning_stop", "1")  # idle threads would burn a core
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def network(self, session: onnxruntime.InferenceSession, guides: Guides = lambda _: {}) -> Network:
        """What a session computes of a batch, and of what `guides` adds to it: its first output."""
        outputs = self.outputs(session, guides)
        return lambda batch: outputs(batch)[0]

    def outputs(self, session: onnxruntime.InferenceSession, guides: Guides = lambda _: {}) -> Outputs:
        """The same: all its outputs."""
        name = session.get_inputs()[0].name

        def outputs(batch: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
            with self._cores:
                return session.run(None, {name: batch, **guides(batch)})  # type: ignore[no-any-return]

        return outputs
