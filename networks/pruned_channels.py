"""Channels that training has made zero, whatever a network is given (docs/adr/0010)."""

import numpy as np
from numpy.typing import NDArray

NOTHING = 1e-3  # weights below, and a bias, are what training left of a channel that was of no use
BLOCK = 16  # channels that a processor computes at once


def channels(weights: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.intp]:
    """Those that a convolution need not compute, in sixteens: none of them if all are zero.

    `weights` are (channels, inputs, height, width), `bias` is (1, channels, 1, 1); ValueError if it is not.
    """
    if bias.shape != (1, len(weights), 1, 1):
        raise ValueError("not a number for each channel")
    largest = np.maximum(np.abs(weights).max(axis=(1, 2, 3)), np.abs(bias).reshape(-1))
    dead = np.flatnonzero(largest < NOTHING)
    return dead[: len(dead) // BLOCK * BLOCK if len(dead) < len(largest) else 0]
