"""The runner on OpenVINO, for Intel and AMD processors, and ARM ones too."""

from pathlib import Path
from threading import Lock

import numpy as np
import openvino
from numpy.typing import NDArray

from ocr.types import Network
from runners.base import Options
from runners.pipeline import PipelineRunner


class OpenVinoRunner(PipelineRunner):
    """OpenVINO's CPU device."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._core = openvino.Core()

    def load(self) -> None:
        super().load()
        self.device = self._core.get_property("CPU", "FULL_DEVICE_NAME")

    def open_network(self, path: Path) -> tuple[Network, dict[str, str]]:
        model = self._core.read_model(path)
        # One stream: it uses all cores for one photo, and memory is per stream. Calls of other threads
        # wait at the lock, not inside the engine.
        compiled = self._core.compile_model(
            model, "CPU", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": self._options.threads}
        )
        request, lock = compiled.create_infer_request(), Lock()

        def network(batch: NDArray[np.float32]) -> NDArray[np.float32]:
            with lock:
                return request.infer({0: batch}, share_inputs=True)[0]  # type: ignore[no-any-return]

        # ONNX metadata of OpenVINO's frontend: a map without get(), only there if the file has any
        info = model.get_rt_info()
        metadata = info["framework"] if "framework" in info else {}  # noqa: SIM401
        return network, {key: metadata[key].value for key in metadata}
