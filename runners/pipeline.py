"""The runners that are our own pipeline on an engine for neural networks."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr.detector import Detector
from ocr.errors import RunnerUnavailable
from ocr.model_files import ONNX, ModelFormat, locate
from ocr.pipeline import DetectionPipeline, Pipeline
from ocr.recognizer import SPACE_BONUS_NATS, Recognizer
from ocr.search import Search
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Reading, Recognize, planes
from runners.base import Options

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One pass of a network over a batch. As safe as what is made of it (ocr.types)."""

Outputs = Callable[[NDArray[np.float32]], Sequence[NDArray[np.float32]]]
"""The same, of a network with several outputs."""


class OpenRecognizer(NamedTuple):
    """A recognizer's network, and its characters."""

    network: BestClasses
    charset: Sequence[str]


class PipelineRunner(ABC):
    """A runner of ocr.Pipeline: subclasses bring the engine that its networks run on, and say which files it takes."""

    form: ClassVar[ModelFormat] = ONNX
    device = "CPU"
    optimisations: tuple[str, ...] = ()

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pipeline: Pipeline | DetectionPipeline | None = None
        self._cores = Lock()  # a network uses all of them: two at a time are slower than one after the other

    @abstractmethod
    def open_detector(self, path: Path) -> DetectorNetwork:
        """A detector's network from its file."""

    @abstractmethod
    def open_recognizer(self, path: Path) -> OpenRecognizer:
        """A recognizer's network from its file."""

    def load(self) -> None:
        self._pipeline = self.pipeline()

    def pipeline(self) -> Pipeline | DetectionPipeline:
        """What photos are read with, its networks loaded."""
        files = locate(self._options.model, self._options.model_dir, self.form)
        detector = cache(lambda path: Detector(self.open_detector(path)))  # mostly one for both
        glancer = detector(files.coarse_detector) if files.coarse_detector else None
        finder = Search(detector(files.detector), self._options.limits, glancer)
        finder.warm_up()
        return Pipeline(finder, self.recognizer(files.recognizer), self._options.limits)

    def recognizer(self, path: Path) -> Recognize:
        """The recognizer of a file."""
        opened = self.open_recognizer(path)
        return Recognizer(opened.network, opened.charset)

    def read(self, photo: bytes) -> Reading:
        if self._pipeline is None:
            raise RuntimeError("load() comes before read()")
        return self._pipeline.read(photo)

    def close(self) -> None:
        self._pipeline = None


def look(network: Outputs) -> DetectorNetwork:
    """A detector of a network from (1, 3, H, W) to what DetectorOutput has, (1, 1, H, W) and (1, 1, h, w)."""
    return lambda pixels: DetectorOutput(*(values[0, 0] for values in network(planes(pixels)[np.newaxis])))


def best_classes(network: Network, charset: Sequence[str]) -> BestClasses:
    """A recognizer's network of one that gives the probabilities of all classes, (N, T, C); spaces are favoured."""

    def best(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        odds = network(batch)
        spaces = odds[..., len(charset) : len(charset) + 1]  # a network of the user's may have no such class
        total = 1 + spaces.sum(axis=2) * np.float32(math.expm1(SPACE_BONUS_NATS))
        spaces *= np.float32(math.exp(SPACE_BONUS_NATS))
        classes = odds.argmax(axis=2)
        return classes, np.take_along_axis(odds, classes[..., np.newaxis], axis=2)[..., 0] / total

    return best


def charset(metadata: dict[str, str]) -> Sequence[str]:
    """The characters of a PP-OCR recognizer: a line each in its file's metadata, then the space.

    Raises:
        RunnerUnavailable: there are none.
    """
    if "character" not in metadata:
        raise RunnerUnavailable("rec.onnx has no characters: RapidOCR's models have them, as metadata `character`")
    return [*metadata["character"].rstrip("\n").split("\n"), " "]
