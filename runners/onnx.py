"""The runner on ONNX Runtime: wherever OpenVINO does not run."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ocr.types import TextMap
from runners.pipeline import Network, OpenRecognizer, PipelineRunner, best_classes, charset, text_map


class OnnxRunner(PipelineRunner):
    """ONNX Runtime's CPU provider."""

    def open_detector(self, path: Path) -> TextMap:
        return text_map(self.network(self.session(path)))

    def open_recognizer(self, path: Path) -> OpenRecognizer:
        session = self.session(path)
        return OpenRecognizer(best_classes(self.network(session)), charset(session.get_modelmeta().custom_metadata_map))

    def session(self, path: Path) -> onnxruntime.InferenceSession:
        """An ONNX file, loaded."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._options.threads
        options.enable_cpu_mem_arena = False  # the arena keeps the peak of every shape for ever
        options.enable_mem_pattern = False  # so do the patterns: 207 MB become 150
        options.add_session_config_entry("session.force_spinning_stop", "1")  # idle threads would burn a core
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def network(self, session: onnxruntime.InferenceSession) -> Network:
        """What a session computes of a batch: its first output."""
        name = session.get_inputs()[0].name

        def network(batch: NDArray[np.float32]) -> NDArray[np.float32]:
            with self._cores:
                return session.run(None, {name: batch})[0]  # type: ignore[no-any-return]

        return network
