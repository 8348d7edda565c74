"""The detector ends early where there is surely no text, and only there."""

import cv2
import numpy as np
import openvino
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from networks import early_exit, early_exit_openvino
from ocr.decoding import decode
from ocr.detector import regions, unexplained
from ocr.model_files import locate
from ocr.types import Limits
from runners.base import Options
from runners.onnx import OnnxRunner
from runners.openvino import OpenVinoRunner
from runners.pipeline import PipelineRunner
from tests.fakes.networks import answer, answers
from tests.fakes.project import DATA


def backbone(*, quantized: bool) -> openvino.Model:
    """Maps of 1/2, 1/4 and 1/8 with a channel each, the means of their pixels, and a convolution of each, added up."""
    given = ops.parameter([-1, 1, -1, -1], np.float32, name="given")
    maps, halved = [], given
    for _ in range(3):
        halved = ops.avg_pool(halved, [2, 2], [0, 0], [0, 0], [2, 2], exclude_pad=True)
        maps.append(halved)
    rest = [*maps]
    if quantized:
        rest[2] = ops.fake_quantize(maps[2], np.float32(0), np.float32(255), np.float32(0), np.float32(1), 256)
    one = np.ones((1, 1, 1, 1), dtype=np.float32)
    total = None
    for depth, value in enumerate(rest):
        taken = ops.convolution(value, ops.constant(one), [1, 1], [0, 0], [0, 0], [1, 1], name=f"take{depth}")
        scales = np.array([1, 1, 2 << depth, 2 << depth], dtype=np.float32)
        fine = ops.interpolate(taken, scales, "nearest", "scales", [0] * 4, [0] * 4)
        total = fine if total is None else ops.add(total, fine)
    return openvino.Model([total], [given])


PLANE = early_exit.Plane({"take2": [2.0], "take1": [1.0], "take0": []}, -60.0)


def means(given: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    height, width = given.shape
    found: NDArray[np.float32] = given.reshape(height // size, size, width // size, size).mean(axis=(1, 3))
    return found.repeat(size, 0).repeat(size, 1)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("brightness", [10.0, 19.0, 21.0, 200.0])
def test_the_rest_is_computed_if_any_cell_has_evidence(quantized: bool, brightness: float) -> None:
    given = np.zeros((24, 40), dtype=np.float32)
    given[8:16, 24:32] = brightness
    expected = answer(backbone(quantized=quantized), given[np.newaxis, np.newaxis])
    found, evidence = answers(
        early_exit_openvino.add_early_exit(backbone(quantized=quantized), PLANE), given[np.newaxis, np.newaxis]
    )
    expected_evidence = 2 * means(given, 8) + means(given, 4) - 60
    np.testing.assert_allclose(evidence[0, 0], expected_evidence[::4, ::4], atol=1e-4)
    if expected_evidence.max() > 0:
        np.testing.assert_allclose(found, expected, atol=1e-4)
    else:
        assert found.shape == (1, 1, 0, 40)


@pytest.mark.parametrize(("kind", "tolerance"), [(OpenVinoRunner, 0.1), (OnnxRunner, 1e-4)])  # 0.1: 8 bits
def test_the_real_detector_has_the_same_map_or_none(
    kind: type[PipelineRunner], tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = kind(Options("ppocrv6", threads=2, limits=Limits(2000, 10**8, 0.5)))
    path = locate("ppocrv6").detector
    add_early_exit = runner.load_detector_network(path)
    monkeypatch.setattr(early_exit, "plane", lambda _: None)
    whole = runner.load_detector_network(path)
    receipt = decode((DATA / "receipt.png").read_bytes(), needed_side=800, max_pixels=10**8).pixels
    with_text = cv2.resize(receipt, (608, 800)).astype(np.uint8)
    probability, evidence = add_early_exit(with_text)
    np.testing.assert_allclose(probability, whole(with_text).probability, atol=tolerance)
    assert probability.max() > 0.9
    cores = probability.reshape(100, 8, 76, 8).max(axis=(1, 3)) > 0.9
    assert (evidence[cores] > 0).mean() > 0.5
    known = [region.polygon / np.float32(8) for region in regions(probability)]
    assert not unexplained(evidence > 0, known).any()
    grey = np.full((320, 416, 3), 128, dtype=np.uint8)
    nothing, none = add_early_exit(grey)
    assert (nothing.size, none.shape, none.max() < 0) == (0, (40, 52), True)
    probability, unknown = whole(grey)
    assert (probability.shape, probability.max() > 0, unknown.size) == ((320, 416), True, 0)


def test_a_detector_that_is_not_known_has_no_plane() -> None:
    assert early_exit.plane(locate("ppocrv4").detector) is None
