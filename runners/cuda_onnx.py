"""The runner on ONNX Runtime's CUDA provider: PP-OCRv6 on NVIDIA cards."""

from pathlib import Path

import onnxruntime

from ocr.errors import RunnerUnavailable
from ocr.types import DetectorNetwork
from runners import nvidia
from runners.gpu import CardRunner
from runners.onnx import OnnxRunner
from runners.pipeline import make_detector_network

PROVIDER = "CUDAExecutionProvider"

CAPABILITIES = (6, 0), nvidia.ANY[1]
"""The package holds code for cards up to 9.0, and what the driver compiles for newer ones."""


class CudaOnnxRunner(CardRunner, OnnxRunner):
    """ONNX Runtime on a card or, if the options ask for it, on the CPU."""

    name = "cuda-onnx"

    def load(self) -> None:
        if self.card is not None:
            self.device = nvidia.choose_card(self.card, f"ONNX Runtime {onnxruntime.__version__}", CAPABILITIES).name
            onnxruntime.preload_dlls()  # those in NVIDIA's packages
        super().load()

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        # as it is in the file: what pays on a card was not measured
        return make_detector_network(self.make_network(self.load_session(path)))

    def load_session(self, model: Path | bytes) -> onnxruntime.InferenceSession:
        if self.card is None:
            return super().load_session(model)
        config = {
            "device_id": self.card,
            "gpu_mem_limit": self._options.gpu_memory // 2,  # for each of the two networks: together they keep to it
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_use_max_workspace": 0,  # 32 MB: how fast it is must not hang on the memory that is free
            "use_tf32": 0,
            "cudnn_conv_algo_search": "HEURISTIC",  # the default tries all out, a second for each new shape
        }
        session = onnxruntime.InferenceSession(model, providers=[(PROVIDER, config)])
        if PROVIDER not in session.get_providers():  # it would silently use the CPU
            raise RunnerUnavailable(
                f"ONNX Runtime cannot use gpu:{self.card} (the log says why): nvidia-smi must list it, "
                f"with a driver for CUDA {onnxruntime.cuda_version} or newer"
            )
        return session
