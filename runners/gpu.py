"""What the runners on NVIDIA cards have in common."""

import logging
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.detector import STRIDE
from ocr.errors import FAILED, EngineFailed
from ocr.micro_batching import MicroBatcher
from ocr.recognizer import MAX_BATCH_WIDTH_PX, Recognizer
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Pixels, Recognize
from runners.base import Options
from runners.failures import is_out_of_memory
from runners.pipeline import PipelineRunner

log = logging.getLogger("mtphotos_ocr.gpu")

T = TypeVar("T", bound=tuple[NDArray[Any], ...])

FULL_BATCH_PX = 8 * 1280
"""Width of all the lines of a batch side by side. With less, a card is idle most of the time."""


class CardRunner(PipelineRunner):
    """A runner on a card, or on the CPU if the options ask for it; reads lines of several photos in one batch."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        kind, _, number = (options.device or "gpu").partition(":")
        self.card = None if kind == "cpu" else int(number or 0)
        """The number of the card; None on the CPU."""

    def load(self) -> None:
        super().load()
        if self.card is not None:
            self.test_itself()

    def load_recognizer(self, path: Path) -> Recognize:
        network, charset = self.load_recognizer_network(path)
        widest = MAX_BATCH_WIDTH_PX
        if self.card is not None:
            network, widest = guard_recognizer(network), FULL_BATCH_PX
        # max_extra_width=0: or how a line is read would depend on the lines of other photos in its batch
        return MicroBatcher(Recognizer(network, charset, max_batch_width=widest, max_extra_width=0))

    def guard_detector(self, network: DetectorNetwork) -> DetectorNetwork:
        return network if self.card is None else guard_detector(network)

    def choose_lock(self) -> Lock:
        """What a network holds while it runs; on a card two networks may run at once."""
        return self._cores if self.card is None else Lock()


def guard_detector(network: DetectorNetwork) -> DetectorNetwork:
    """A network that sees a picture at half its size where a card lacks memory for more, and gives numbers only."""

    def guarded(pixels: Pixels) -> DetectorOutput:
        try:
            return _only_numbers(network(pixels))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        height, width = pixels.shape[:2]
        log.warning(
            "the card lacks memory for %d x %d pixels at once: the detector sees half as many a side", width, height
        )
        size = [max(STRIDE, side // 2 // STRIDE * STRIDE) for side in (width, height)]
        smaller = _only_numbers(network(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)))
        return DetectorOutput(*(_enlarge(values, width / size[0], height / size[1]) for values in smaller))

    return guarded


def guard_recognizer(network: BestClasses) -> BestClasses:
    """A network that halves a batch for which a card lacks memory, and gives numbers only."""

    def guarded(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        try:
            return _only_numbers(network(batch))
        except Exception as error:
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
        log.warning("the card lacks memory for %d lines at once: they are read in two batches", len(batch))
        parts = [guarded(half) for half in np.array_split(batch, 2)]
        return np.concatenate([best for best, _ in parts]), np.concatenate([probability for _, probability in parts])

    return guarded


def _only_numbers(outputs: T) -> T:
    if all(np.isfinite(values).all() for values in outputs):
        return outputs
    log.error("a network gave what are no numbers (nan or inf)")
    raise EngineFailed(FAILED)


def _enlarge(values: NDArray[np.float32], across: float, down: float) -> NDArray[np.float32]:
    """Values for equal parts of a picture, (h, w), so many times as many; as empty as before."""
    if not values.size:
        return values
    size = round(values.shape[1] * across), round(values.shape[0] * down)
    return cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
