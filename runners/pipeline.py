"""The runners that are our own pipeline on an engine for neural networks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from ocr.detector import Detector
from ocr.finder import Finder
from ocr.models import locate
from ocr.pipeline import Pipeline
from ocr.recognizer import Recognizer
from ocr.types import BestClasses, Network, Reading
from runners.base import Options


class PipelineRunner(ABC):
    """A runner of ocr.Pipeline: subclasses bring the engine that its networks run on."""

    device = "CPU"

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pipeline: Pipeline | None = None

    @abstractmethod
    def open_detector(self, path: Path) -> Network:
        """A detector's network from an ONNX file."""

    @abstractmethod
    def open_recognizer(self, path: Path) -> tuple[BestClasses, dict[str, str]]:
        """A recognizer's network from an ONNX file, and the metadata of the file."""

    def load(self) -> None:
        files = locate(self._options.model, self._options.model_dir)
        finder = Finder(Detector(self.open_detector(files.detector)), self._options.limits, glance=files.glance)
        recognize, metadata = self.open_recognizer(files.recognizer)
        self._pipeline = Pipeline(finder, Recognizer(recognize, charset(metadata)), self._options.limits)

    def read(self, photo: bytes) -> Reading:
        if self._pipeline is None:
            raise RuntimeError("load() comes before read()")
        return self._pipeline.read(photo)

    def close(self) -> None:
        self._pipeline = None


def charset(metadata: dict[str, str]) -> Sequence[str]:
    """The characters of a PP-OCR recognizer: a line each in its metadata, then the space."""
    return [*metadata["character"].rstrip("\n").split("\n"), " "]
