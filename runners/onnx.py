"""The runner on ONNX Runtime: wherever OpenVINO does not run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ocr.types import TextMap, planes
from runners.pipeline import OpenRecognizer, PipelineRunner, charset


class OnnxRunner(PipelineRunner):
    """ONNX Runtime's CPU provider."""

    def open_detector(self, path: Path) -> TextMap:
        network = self.network(self.session(path))
        return lambda pixels: network(planes(pixels)[np.newaxis])[0, 0]

    def open_recognizer(self, path: Path) -> OpenRecognizer:
        session = self.session(path)
        probable = self.network(session)

        def network(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            probabilities = probable(batch)
            best = probabilities.argmax(axis=2)
            return best, np.take_along_axis(probabilities, best[..., np.newaxis], axis=2)[..., 0]

        return OpenRecognizer(network, charset(session.get_modelmeta().custom_metadata_map))

    def session(self, path: Path) -> onnxruntime.InferenceSession:
        """An ONNX file, loaded."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._options.threads
        options.enable_cpu_mem_arena = False  # the arena keeps the peak of every shape for ever
        options.enable_mem_pattern = False  # so do the patterns: 207 MB become 150
        options.add_session_config_entry("session.force_spinning_stop", "1")  # idle threads would burn a core
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def network(self, session: onnxruntime.InferenceSession) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """What a session computes of a batch: its first output."""
        name = session.get_inputs()[0].name

        def network(batch: NDArray[np.float32]) -> NDArray[np.float32]:
            with self._cores:
                return session.run(None, {name: batch})[0]  # type: ignore[no-any-return]

        return network
