"""The runner on ONNX Runtime's CUDA provider: PP-OCRv6 on NVIDIA cards."""

from pathlib import Path

import onnxruntime

from ocr.errors import RunnerUnavailable
from ocr.types import DetectorNetwork
from runners.gpu import CardRunner
from runners.onnx import OnnxRunner
from runners.pipeline import look

PROVIDER = "CUDAExecutionProvider"


class CudaOnnxRunner(CardRunner, OnnxRunner):
    """ONNX Runtime on a card or, where that is asked for, on the CPU."""

    def load(self) -> None:
        if self.card is not None:
            onnxruntime.preload_dlls()  # those in NVIDIA's packages
            self.device = f"CUDA {onnxruntime.cuda_version}, gpu:{self.card}"
        super().load()

    def open_detector(self, path: Path) -> DetectorNetwork:
        return look(self.outputs(self.session(path)))  # whole: what pays on a card was not measured

    def session(self, model: Path | bytes) -> onnxruntime.InferenceSession:
        if self.card is None:
            return super().session(model)
        config = {
            "device_id": self.card,
            "gpu_mem_limit": self._options.gpu_memory // 2,  # of each of the two networks
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",  # trying all of them out takes a second for each new shape
        }
        session = onnxruntime.InferenceSession(model, providers=[(PROVIDER, config)])
        if PROVIDER not in session.get_providers():  # it would go on with the CPU
            raise RunnerUnavailable(
                f"ONNX Runtime cannot use gpu:{self.card} (the log says why): nvidia-smi must list it, "
                f"with a driver for CUDA {onnxruntime.cuda_version} or newer"
            )
        return session
