"""Pruned channels: those that training has made zero, whatever the network is given (docs/adr/0010)."""

import numpy as np
from numpy.typing import NDArray

MIN_WEIGHT = 1e-3  # smaller weights and biases are what training left of a channel that was of no use
BLOCK_CHANNELS = 16  # that a processor computes at once


def find_pruned(weights: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.intp]:
    """The channels that a convolution need not compute, in blocks of 16; none if all channels are zero.

    `weights` are (channels, inputs, height, width), `bias` is (1, channels, 1, 1); raises ValueError if it is not.
    """
    if bias.shape != (1, len(weights), 1, 1):
        raise ValueError("the bias is not one number per channel")
    largest = np.maximum(np.abs(weights).max(axis=(1, 2, 3)), np.abs(bias).reshape(-1))
    pruned = np.flatnonzero(largest < MIN_WEIGHT)
    return pruned[: len(pruned) // BLOCK_CHANNELS * BLOCK_CHANNELS if len(pruned) < len(largest) else 0]
