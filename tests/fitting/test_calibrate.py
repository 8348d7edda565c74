"""What is measured for blank skipping and for convolutions in int8."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fitting import calibrate

CHANNELS = 4  # of a column


def test_the_plane_leaves_nearly_all_columns_on_their_side() -> None:
    chance = np.random.default_rng(0)
    blank = chance.random(20_000) < 0.6
    columns = chance.normal(0, 0.5, (len(blank), CHANNELS)) + np.where(blank, 1, -1)[:, np.newaxis]
    *weights, bias = calibrate.fit_plane(columns.astype(np.float32), blank)
    skipped = columns @ weights + bias > 0
    assert skipped[~blank].mean() < 2 * calibrate.MAX_TEXT_SKIPPED_SHARE
    assert skipped[blank].mean() > 0.9


def weighing(channels: int) -> NDArray[np.float32]:
    """The weights of a convolution with so many input channels."""
    return np.random.default_rng(0).normal(size=(8, channels, 1, 1)).astype(np.float32)


@given(st.lists(st.tuples(st.floats(-100, 0), st.floats(0, 100)), min_size=2, max_size=5))
def test_the_levels_reach_over_what_every_channel_was_given(ranges: list[tuple[float, float]]) -> None:
    low, high = np.array(ranges, dtype=np.float32).T
    zero, scales = calibrate.choose_levels(low, high, weighing(len(low)))
    assert 0 < zero < 255
    assert (np.array(scales) >= high * 0.99).all()
    assert (np.array(scales) * zero / (255 - zero) >= -low * 0.99).all()


def test_values_without_negative_ones_have_nearly_all_levels() -> None:
    assert calibrate.choose_levels(np.zeros(2, np.float32), np.array([1, 5], np.float32), weighing(2)) == (1, [1, 5])
