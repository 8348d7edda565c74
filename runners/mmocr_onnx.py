"""The runner of MMOCR's detectors on ONNX Runtime, without MMOCR and PyTorch; runners.mmocr_export makes its files."""

from collections.abc import Callable
from pathlib import Path

from ocr.detector import Region
from ocr.errors import RunnerUnavailable
from ocr.mmocr import MmocrDetector, Recipe
from ocr.model_files import locate
from ocr.pipeline import DetectionPipeline, Pipeline
from ocr.search import WholePhotoSearch
from ocr.types import Limits, Pixels, Recognize
from runners.onnx import OnnxRunner


class MmocrOnnxRunner(OnnxRunner):
    """A detector of MMOCR, and PP-OCR's recognizer or none."""

    def load_pipeline(self) -> Callable[[Limits], Pipeline | DetectionPipeline]:
        detect = self.load_mmocr_detector()
        recognizer = self._options.mmocr.get("recognizer", "ppocr")
        if recognizer == "none":
            return lambda limits: DetectionPipeline(WholePhotoSearch(detect, limits), limits)
        if recognizer == "mmocr":
            recognize = self.load_mmocr_recognizer()
        else:
            files = locate(self._options.model, self._options.model_dir)
            recognize = self.load_recognizer(files.recognizer)
        self._recognizer = recognize
        return lambda limits: Pipeline(WholePhotoSearch(detect, limits), recognize, limits)

    def load_mmocr_detector(self) -> Callable[[Pixels], list[Region]]:
        """Load the detector."""
        session = self.load_session(self.get_file("det_onnx"))
        try:
            recipe = Recipe.from_metadata(session.get_modelmeta().custom_metadata_map)
        except (KeyError, ValueError, TypeError):
            raise RunnerUnavailable("MMOCR_DET_ONNX is no file that python -m runners.mmocr_export made") from None
        network = self.make_network(session)
        return MmocrDetector(lambda pixels: network(pixels[None])[0][0], recipe)

    def load_mmocr_recognizer(self) -> Recognize:
        """Load MMOCR's recognizer."""
        raise RunnerUnavailable("MMOCR_RECOGNIZER=mmocr needs OCR_RUNNER=mmocr")

    def get_file(self, name: str) -> Path:
        """The file that a setting names; raises RunnerUnavailable, where MMOCR would download it or go on without."""
        path = self._options.mmocr.get(name)
        if path is None:
            raise RunnerUnavailable(f"MMOCR_{name.upper()} is not set; it must name a file on this machine")
        if not Path(path).is_file():
            raise RunnerUnavailable(f"MMOCR_{name.upper()}: there is no file {path} on this machine")
        return Path(path)
