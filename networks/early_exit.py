"""Early exit: where the backbone shows no evidence of text, the rest of the detector is not computed.

Most photos hold no text, and what the detector's backbone makes of them tells so of most, before the layers that draw
the map (an early exit, as in Teerapittayanon et al. 2016, BranchyNet, https://arxiv.org/abs/1709.01686).
fitted/early_exit.json holds a plane through the channels of the backbone's maps, coarsest first, by the convolution
that takes each. A map with no part in it has no weights (docs/adr/0020).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from networks import fitted_values


class Plane(NamedTuple):
    """Through the channels of maps that double in size: `weights` by the convolution that takes a map, and a bias."""

    weights: Mapping[str, Sequence[float]]
    bias: float


def plane(path: Path) -> Plane | None:
    """Of the detector in this file; None if it is not one that we know."""
    values = fitted_values.find("early_exit", path)
    return values and Plane(**values)
