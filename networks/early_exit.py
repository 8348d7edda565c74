"""Early exit: where the backbone shows no evidence of text, the rest of the detector is not computed.

Most photos hold no text, and what the detector's backbone makes of them tells so of most, before the layers that draw
the map (an early exit, as in Teerapittayanon et al. 2016, BranchyNet, https://arxiv.org/abs/1709.01686). In
fitted/early_exit.json, by the SHA-256 of the ONNX file, made by fitting/calibrate.py: a plane through the channels of
the backbone's maps, coarsest first, by the convolution that takes each. A map with no part in it has no weights
(docs/adr/0020).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ocr.model_files import fingerprint

FILE = Path(__file__).parent / "fitted" / "early_exit.json"


class Plane(NamedTuple):
    """Through the channels of maps that double in size: `weights` by the convolution that takes a map, and a bias."""

    weights: Mapping[str, Sequence[float]]
    bias: float


def plane(path: Path) -> Plane | None:
    """Of the detector in this file; None if it is not one that we know."""
    known = json.loads(FILE.read_text("utf-8"))
    return Plane(**known[fingerprint(path)]) if fingerprint(path) in known else None
