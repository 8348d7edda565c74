"""Detectors of MMOCR, each as a checkpoint and exported; `make test-mmocr` runs these tests."""

import cv2
import pytest

from runners.mmocr_export import export
from tests.fakes import checkpoints


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
