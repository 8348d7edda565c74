"""The runner of MMOCR 1.0 itself, on PyTorch: any of its detectors, and its recognizers."""

import pickle
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import torch
from mmengine.config import Config

from ocr.detector import Region
from ocr.errors import RunnerUnavailable
from ocr.geometry import clockwise, simplified
from ocr.types import Pixels, Recognize
from runners.mmocr_imports import CONFIGS, DETECTOR, RECOGNIZER
from runners.mmocr_onnx import MmocrOnnxRunner

EXAMPLE = "textdet/textsnake/textsnake_resnet50_fpn-unet_1200e_ctw1500.py"
BATCH_LINES = 8
MIN_RADIUS_PX = 0.9  # times MMOCR's radius_shrink_ratio of 1.03 still below 1

TENSOR_NAMES = {
    ("collections", "OrderedDict"),
    *(("torch._utils", name) for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")),
}
"""What a file of weights may refer to; PyTorch itself knows the storages of numbers."""


class MmocrRunner(MmocrOnnxRunner):
    """A detector of MMOCR, and a recognizer of MMOCR's or PP-OCR's, or none."""

    def load(self) -> None:
        torch.set_num_threads(self._options.threads)
        device = choose_device(self._options.device)
        if device == "cpu":
            super().load()
            return
        self.device = torch.cuda.get_device_name(device)
        share = self._options.gpu_memory / torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, share), device)
        super().load()
        self.test_itself()

    def load_mmocr_detector(self) -> Callable[[Pixels], list[Region]]:
        inferencer = self._open(DETECTOR, "det")
        postprocessor: Any = getattr(getattr(inferencer.model, "det_head", None), "postprocessor", None)
        if type(postprocessor).__name__ == "TextSnakePostprocessor":
            postprocessor.get_text_instances = clamp_radius(postprocessor.get_text_instances)

        def detect(pixels: Pixels) -> list[Region]:
            with self._cores:
                (found,) = inferencer(pixels, progress_bar=False, return_datasamples=True)["predictions"]
            lines = zip(found.pred_instances.polygons, found.pred_instances.scores, strict=True)
            photo_px = 1 / min(found.scale_factor)  # per pixel that the network saw
            return [
                Region(simplified(clockwise(np.array(polygon, np.float32).reshape(-1, 2)), photo_px), float(score))
                for polygon, score in lines
            ]

        return detect

    def load_mmocr_recognizer(self) -> Recognize:
        inferencer = self._open(RECOGNIZER, "rec")

        def recognize(crops: Sequence[Pixels]) -> list[tuple[str, float]]:
            with self._cores:
                contiguous = [np.ascontiguousarray(crop) for crop in crops]
                read = inferencer(contiguous, batch_size=BATCH_LINES, progress_bar=False, return_datasamples=True)
            texts = [line.pred_text for line in read["predictions"]]
            return [(text.item, float(np.mean(text.score))) if text.item else ("", 0.0) for text in texts]

        return recognize

    def _open(self, kind: Callable[..., Any], part: str) -> Any:
        config = find_own_config(self._options.mmocr.get(f"{part}_config")) or self.get_file(f"{part}_config")
        return open_inferencer(kind, config, self.get_file(f"{part}_weights"), choose_device(self._options.device))


def find_own_config(name: str | None) -> Path | None:
    """MMOCR's own config of this name, such as textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py."""
    path = CONFIGS / name if name else None
    return path if path and path.is_file() else None


def clamp_radius(decode: Callable[..., Any]) -> Callable[..., Any]:
    """Make MMOCR's decoding of TextSnake's maps, (5, H, W), come to an end.

    It walks in steps of a share of the radius, for ever where that is nearly 0. It ignores disks with a radius below 1,
    so these may as well have one of MIN_RADIUS_PX.
    """

    def decoded(maps: torch.Tensor, sample: Any) -> Any:
        maps[4].clamp_(min=MIN_RADIUS_PX)
        return decode(maps, sample)

    return decoded


def choose_device(device: str | None) -> str:
    """PyTorch's name of a device; if None is given, of the first GPU or, without one, the CPU.

    Raises:
        RunnerUnavailable: there is no such GPU.
    """
    count = torch.cuda.device_count()
    name = device or ("gpu" if count else "cpu")
    index = int(name.partition(":")[2] or 0)
    if name == "cpu":
        return name
    if index >= count:
        raise RunnerUnavailable(f"OCR_DEVICE={name}: PyTorch {torch.__version__} sees {count} GPUs on this machine")
    return f"cuda:{index}"


def open_inferencer(inferencer: Callable[..., Any], config: Path, weights: Path, device: str) -> Any:
    """One of MMOCR's inferencers, with all of its weights from a local checkpoint.

    Raises:
        RunnerUnavailable: the checkpoint cannot be read or belongs to another config, or the config is incomplete.
    """
    state = load_weights(weights)
    try:
        loaded = Config.fromfile(config)
    except FileNotFoundError as error:
        raise RunnerUnavailable(
            f"{config} inherits (_base_) from a file that is not there: {error}. Give the name that MMOCR's own config "
            f"has in {CONFIGS}, such as {EXAMPLE}, or a config in one piece, as mmengine's Config.dump() writes it"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that weights are missing yet, and that its dependencies are old
        made = inferencer(model=loaded, weights=None, device=device)
    try:
        made.model.load_state_dict(state)
    except RuntimeError as error:
        problem = str(error).splitlines()[0]
        raise RunnerUnavailable(f"{weights.name} does not hold the weights of {config.name}: {problem}") from None
    return made


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint, even one that PyTorch refuses since 2.6; runs no code of the file.

    Raises:
        RunnerUnavailable: it is no checkpoint, or there are no weights in it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=_PICKLE)
        weights = content.get("state_dict", content)
        if weights and all(isinstance(value, torch.Tensor) for value in weights.values()):
            return dict(weights)
    except Exception as error:  # noqa: BLE001 - PyTorch raises nearly anything on another file
        raise RunnerUnavailable(f"{path.name} is no checkpoint that PyTorch can read: {error}") from None
    raise RunnerUnavailable(f"{path.name} holds no weights")


class _Inert:
    """Stands for whatever a checkpoint holds besides weights, such as the history of the training."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return super().__new__(cls)

    def __call__(self, *_: object, **__: object) -> Self:
        return self

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def extend(self, values: object) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    """Unpickles tensors and what holds them; anything else could be code of the file's choice."""

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if (module, name) in TENSOR_NAMES else _Inert


_PICKLE = SimpleNamespace(
    __name__="weights", Unpickler=_Unpickler, load=lambda file, **options: _Unpickler(file, **options).load()
)
"""Replaces the module pickle."""
