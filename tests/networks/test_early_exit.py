"""The detector ends early where there is surely no text, and only there."""

import cv2
import numpy as np
import pytest

from networks import early_exit
from ocr.decoding import decode
from ocr.detector import regions, unexplained
from ocr.model_files import locate
from ocr.types import Limits
from runners.base import Options
from runners.onnx import OnnxRunner
from runners.openvino import OpenVinoRunner
from runners.pipeline import PipelineRunner
from tests.fakes.project import DATA


@pytest.mark.parametrize(("kind", "tolerance"), [(OpenVinoRunner, 0.1), (OnnxRunner, 1e-4)])  # 0.1: 8 bits
def test_the_real_detector_has_the_same_map_or_none(
    kind: type[PipelineRunner], tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = kind(Options("ppocrv6", threads=2, limits=Limits(2000, 10**8, 0.5)))
    path = locate("ppocrv6").detector
    ending_early = runner.load_detector_network(path)
    monkeypatch.setattr(early_exit, "plane", lambda _: None)
    whole = runner.load_detector_network(path)
    receipt = decode((DATA / "receipt.png").read_bytes(), needed_side=800, max_pixels=10**8).pixels
    with_text = cv2.resize(receipt, (608, 800)).astype(np.uint8)
    probability, evidence = ending_early(with_text)
    np.testing.assert_allclose(probability, whole(with_text).probability, atol=tolerance)
    assert probability.max() > 0.9
    cores = probability.reshape(100, 8, 76, 8).max(axis=(1, 3)) > 0.9
    assert (evidence[cores] > 0).mean() > 0.5
    known = [region.polygon / np.float32(8) for region in regions(probability)]
    assert not unexplained(evidence > 0, known).any()
    grey = np.full((320, 416, 3), 128, dtype=np.uint8)
    nothing, none = ending_early(grey)
    assert (nothing.size, none.shape, none.max() < 0) == (0, (40, 52), True)
    probability, unknown = whole(grey)
    assert (probability.shape, probability.max() > 0, unknown.size) == ((320, 416), True, 0)


def test_a_detector_that_is_not_known_has_no_plane() -> None:
    assert early_exit.plane(locate("ppocrv4").detector) is None
