"""Networks on cards that lack memory, or give what are no numbers."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ocr.detector import Detector
from ocr.errors import EngineFailed
from ocr.recognizer import Recognizer
from ocr.types import DetectorOutput
from runners.gpu import guard_detector, guard_recognizer
from tests.fakes.detector import DarkIsText, InkIsEvidence, page
from tests.fakes.recognizer import CHARSET, GreyIsCharacter, Steps, crop

TEXTS = ["abc", "hid", "gag", "bed", "f", "deaf", "bag"]


class SmallDetector(InkIsEvidence):
    """One on a card with memory for so many pixels."""

    def __init__(self, most_px: int) -> None:
        super().__init__()
        self._most_px = most_px

    def __call__(self, pixels: NDArray[np.uint8]) -> DetectorOutput:
        found = super().__call__(pixels)
        if pixels.shape[0] * pixels.shape[1] > self._most_px:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 939524096")
        return found


class SmallRecognizer(GreyIsCharacter):
    """One on a card with memory for so many lines at once."""

    def __init__(self, most_lines: int) -> None:
        super().__init__()
        self._most_lines = most_lines

    def __call__(self, batch: NDArray[np.float32]) -> Steps:
        found = super().__call__(batch)
        if len(batch) > self._most_lines:
            raise OSError("(External) CUDA error(2), out of memory.")
        return found


def test_a_batch_that_is_too_large_is_read_in_smaller_ones() -> None:
    small = SmallRecognizer(2)
    texts = Recognizer(guard_recognizer(small), CHARSET)([crop(text) for text in TEXTS])
    assert [text for text, _ in texts] == TEXTS
    assert max(shape[0] for shape in small.shapes) > 2


def test_a_single_line_that_is_too_large_is_an_error() -> None:
    with pytest.raises(OSError, match="out of memory"):
        guard_recognizer(SmallRecognizer(0))(np.zeros((4, 3, 48, 320), np.float32))


def test_a_picture_that_is_too_large_is_seen_at_half_its_size() -> None:
    pixels = page(640, 448, (96, 64, 256, 32), (320, 288, 128, 32))
    small = SmallDetector(pixels.shape[0] * pixels.shape[1] // 2)
    whole, half = (Detector(network)(pixels, (640, 448)) for network in (InkIsEvidence(), guard_detector(small)))
    assert small.shapes == [(448, 640, 3), (224, 320, 3)]
    assert half.evidence.shape == whole.evidence.shape
    assert len(half.regions) == len(whole.regions) == 2
    for region, other in zip(half.regions, whole.regions, strict=True):
        np.testing.assert_allclose(region.polygon, other.polygon, atol=4)


def test_a_pass_that_ends_half_way_does_so_at_half_its_size() -> None:
    found = guard_detector(SmallDetector(320 * 224))(page(640, 448))
    assert found.probability.size == 0
    assert found.evidence.shape == (56, 80)


def test_one_that_is_too_large_even_so_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="Failed to allocate"):
        guard_detector(SmallDetector(0))(page(640, 448))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_are_no_numbers_are_never_taken_for_no_text(value: float) -> None:
    def detect(pixels: NDArray[np.uint8]) -> DetectorOutput:
        found = DarkIsText()(pixels)
        found.probability[0, 0] = value
        return found

    def recognize(batch: NDArray[np.float32]) -> Steps:
        best, probability = GreyIsCharacter()(batch)
        probability[-1, 0] = value
        return best, probability

    with pytest.raises(EngineFailed):
        guard_detector(detect)(page(64, 64, (8, 8, 8, 8)))
    with pytest.raises(EngineFailed):
        guard_recognizer(recognize)(np.zeros((2, 3, 48, 320), np.float32))


def test_another_error_is_left_as_it_is() -> None:
    def broken(_: object) -> DetectorOutput:
        raise ValueError("no such input")

    with pytest.raises(ValueError, match="no such input"):
        guard_detector(broken)(page(64, 64))
