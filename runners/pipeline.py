"""Runners that read with our own pipeline, on an engine for neural networks."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ocr.detector import Detector
from ocr.errors import RunnerUnavailable
from ocr.model_files import CHARACTERS, ONNX, ModelFiles, ModelFormat, locate, read_characters
from ocr.pipeline import Pipeline
from ocr.recognizer import SPACE_BONUS_NATS, Recognizer
from ocr.search import Search
from ocr.types import BestClasses, DetectorNetwork, DetectorOutput, Limits, Reading, Recognize, planes
from runners import self_test
from runners.base import Options

Network = Callable[[NDArray[np.float32]], Sequence[NDArray[np.float32]]]
"""A network's outputs for one batch. As thread-safe as the types built on it (ocr.types)."""


class RecognizerNetwork(NamedTuple):
    """A recognizer's network and its characters."""

    best_classes: BestClasses
    """One pass of the network."""
    charset: Sequence[str]
    """Class i is charset[i - 1], the last one the space; class 0 is CTC's blank."""


class ReadsPhotos(Protocol):
    """What a runner has loaded: mostly a Pipeline."""

    def read(self, data: bytes) -> Reading:
        """The lines in a photo; raises UnreadablePhoto."""


class PipelineRunner(ABC):
    """A runner of ocr.Pipeline; a subclass brings the engine of the networks and says which files the engine reads."""

    name: ClassVar[str]
    form: ClassVar[ModelFormat] = ONNX
    device = "CPU"
    optimisations: tuple[str, ...] = ()

    def __init__(self, options: Options) -> None:
        self._options = options
        self._make_pipeline: Callable[[Limits], ReadsPhotos] | None = None
        self._pipeline: ReadsPhotos | None = None
        self._detector_network: DetectorNetwork | None = None
        self._recognizer: Recognize | None = None
        self._recording = Lock()
        self._cores = Lock()  # a network uses all of them: two at a time are slower than one after the other

    @abstractmethod
    def load_detector_network(self, path: Path) -> DetectorNetwork:
        """Load a detector's network from its file."""

    @abstractmethod
    def load_recognizer_network(self, path: Path) -> RecognizerNetwork:
        """Load a recognizer's network from its file."""

    def load(self) -> None:
        self._make_pipeline = self.load_pipeline()
        self._pipeline = self._make_pipeline(self._options.limits)

    def load_pipeline(self) -> Callable[[Limits], ReadsPhotos]:
        """Load the networks; what is returned makes a pipeline that reads photos with them, within limits."""
        files = locate(self._options.model, self._options.model_dir, self.form)
        with ThreadPoolExecutor(1) as pool:  # side by side: engines prepare one network on one core
            recognizer = pool.submit(self.load_recognizer, files.recognizer)
            detectors = self._load_detectors(files)
            self._recognizer = recognize = recognizer.result()
        return lambda limits: Pipeline(Search(detectors[0], limits, detectors[1]), recognize, limits)

    def _load_detectors(self, files: ModelFiles) -> tuple[Detector, Detector | None]:
        """The detector, and the one of the coarse pass."""
        networks = cache(lambda path: self.guard_detector(self.load_detector_network(path)))
        detector = cache(lambda path: Detector(networks(path)))  # mostly one for both
        self._detector_network = networks(files.detector)
        return detector(files.detector), detector(files.coarse_detector) if files.coarse_detector else None

    def guard_detector(self, network: DetectorNetwork) -> DetectorNetwork:
        """What watches over a detector's network, if anything has to."""
        return network

    def choose_lock(self) -> Lock:
        """What a network holds while it runs."""
        return self._cores

    def test_itself(self) -> None:
        """Read a picture with known lines; raises RunnerUnavailable if something else comes out."""
        if self._make_pipeline is None:
            raise RuntimeError("load() comes before test_itself()")
        read = self._make_pipeline(self_test.LIMITS).read
        known = self._detector_network is not None and self._options.model_dir is None
        expected = self_test.find_expected(self.name, self._options.model) if known else None
        self_test.check(read, self._recognizer, self._detector_network, expected)

    def load_recognizer(self, path: Path) -> Recognize:
        """Load a recognizer from its file."""
        return Recognizer(*self.load_recognizer_network(path))

    def pick_best_classes(self, network: Network, classes: object, charset: Sequence[str]) -> BestClasses:
        """BestClasses from a network of so many classes; says whether spaces are favoured."""
        self.record("space prior", applied=classes != len(charset))  # charset has a space; the blank is a class, too
        return pick_best_classes(network, charset)

    def record(self, *names: str, applied: bool = True) -> None:
        """Add names to `optimisations` if these were applied to a network."""
        if applied:
            with self._recording:
                self.optimisations = tuple(dict.fromkeys(self.optimisations + names))

    def read(self, photo: bytes) -> Reading:
        if self._pipeline is None:
            raise RuntimeError("load() comes before read()")
        return self._pipeline.read(photo)

    def close(self) -> None:
        self._pipeline = self._make_pipeline = self._detector_network = self._recognizer = None


def make_detector_network(network: Network) -> DetectorNetwork:
    """A DetectorNetwork from a network of (1, 3, H, W) that gives what DetectorOutput has, as (1, 1, H, W) each."""
    return lambda pixels: DetectorOutput(*(values[0, 0] for values in network(planes(pixels)[np.newaxis])))


def pick_best_classes(network: Network, charset: Sequence[str]) -> BestClasses:
    """BestClasses from a network that gives the probabilities of all classes, (N, T, C); spaces are favoured."""

    def best_classes(batch: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        (odds,) = network(batch)
        spaces = odds[..., len(charset) : len(charset) + 1]  # empty if the user's own network has no such class
        total = 1 + spaces.sum(axis=2) * np.float32(math.expm1(SPACE_BONUS_NATS))
        spaces *= np.float32(math.exp(SPACE_BONUS_NATS))
        best = odds.argmax(axis=2)
        return best, np.take_along_axis(odds, best[..., np.newaxis], axis=2)[..., 0] / total

    return best_classes


def read_charset(path: Path, metadata: Mapping[str, str]) -> Sequence[str]:
    """The characters of a PP-OCR recognizer, then the space: beside its file, or a line each in the file's metadata.

    Raises:
        RunnerUnavailable: there are none.
    """
    lines = read_characters(path)
    if lines is None and "character" in metadata:
        lines = metadata["character"].rstrip("\n").split("\n")
    if lines is None:
        raise RunnerUnavailable(
            f"{path.name} has no characters: put them beside it as {CHARACTERS}, one a line, "
            "or into its metadata `character`, as RapidOCR does"
        )
    return [*lines, " "]
