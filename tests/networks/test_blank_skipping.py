"""The classes of blank columns are not computed, those of the others are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from networks import blank_skipping
from ocr.model_files import locate

CHANNELS = 4


class Largest:
    """A last layer whose classes are the channels, behind class 0; remembers its inputs."""

    def __init__(self) -> None:
        self.inputs: list[NDArray[np.float32]] = []

    def __call__(self, columns: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        self.inputs.append(columns)
        return 1 + columns.argmax(axis=2), columns.max(axis=2)


@given(st.integers(1, 3), st.integers(0, 3 * blank_skipping.MAX_COLUMNS), st.sampled_from([-2.0, 0.0, 0.3, 2.0]))
def test_only_the_classes_of_columns_that_may_be_text_are_computed(lines: int, steps: int, bias: float) -> None:
    columns = np.random.default_rng(steps).uniform(-1, 1, (lines, steps, CHANNELS)).astype(np.float32)
    layer = Largest()
    best, probability = blank_skipping.skip_blanks(layer, np.array([1, 0, 0, 0, bias], dtype=np.float32))(columns)
    blank = columns[..., 0] + np.float32(bias) > 0
    np.testing.assert_array_equal(best, np.where(blank, 0, 1 + columns.argmax(axis=2)))
    np.testing.assert_array_equal(probability, np.where(blank, 1, columns.max(axis=2)))
    assert sum(part.shape[1] for part in layer.inputs) == (~blank).sum()
    assert all(part.shape[0] == 1 and 0 < part.shape[1] <= blank_skipping.MAX_COLUMNS for part in layer.inputs)


@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_the_file_knows_the_installed_models(model: str) -> None:
    assert blank_skipping.read_plane(locate(model).recognizer).shape == (121,)
