"""What the padding behind a short line adds inside the recognizers that we know.

fitted/padding.json holds the mean per channel in the padding: of each feature map whose mean the network takes, and of
the columns that enter the transformer.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from networks import fitted_values

MASKED_LOGIT = -1e4
"""Added to a logit of attention, it leaves no attention after softmax."""


def is_known(path: Path) -> bool:
    """Whether the model in this file is one of them."""
    return fitted_values.find("padding", path) is not None


@cache
def read_means(path: Path) -> Sequence[NDArray[np.float32]]:
    """The means of a known model, (C,) each: of its feature maps in their order, then of the columns.

    The latter are none, (0,), if the model has no attention.
    """
    return [np.array(values, dtype=np.float32) for values in fitted_values.find("padding", path)]
