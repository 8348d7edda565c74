"""Detectors of MMOCR, each as a checkpoint and exported; `make test-mmocr` runs these tests."""

import cv2
import pytest

from ocr.types import Limits
from runners.base import Options, Runner
from runners.mmocr_export import export
from runners.registry import RUNNERS, make
from tests.mmocr import checkpoints


@pytest.fixture(scope="session", params=["textsnake", "dbnet"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings that name a detector's files, without MMOCR_."""
    folder = tmp_path_factory.mktemp(request.param)
    config, weights = checkpoints.saved(request.param, folder)
    export(config, weights, folder / "det.onnx")
    return {"det_config": str(config), "det_weights": str(weights), "det_onnx": str(folder / "det.onnx")}


@pytest.fixture(scope="session")
def picture() -> bytes:
    return cv2.imencode(".png", checkpoints.picture()[0])[1].tobytes()


def loaded(runner: str, mmocr: dict[str, str], min_score: float = 0.5) -> Runner:
    """A runner by its name, loaded."""
    limits = Limits(max_side=2000, max_pixels=10**7, min_score=min_score)
    made = make(RUNNERS[runner].runner, Options("ppocrv6", 2, limits, mmocr=mmocr))
    made.load()
    return made
