"""MMOCR's detectors without MMOCR: preparing a picture for their networks, and decoding the lines from their output."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from ocr import geometry
from ocr.detector import Region, grown, mean_inside
from ocr.textsnake import TextSnakeDecoder
from ocr.types import Pixels

MapsNetwork = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One pass of a detector's network: maps (C, H, W) of pixels (3, H, W), BGR, 0-255. Safe to call from several threads
at once."""


@dataclass(frozen=True, slots=True)
class DbNetDecoder:
    """Decodes DBNet's probability map; fields and defaults are those of MMOCR's DBPostprocessor."""

    text_repr_type: str = "poly"
    """quad for rectangles, or poly."""

    mask_thr: float = 0.3
    """The probability (0-1) from which a pixel is text."""

    min_text_score: float = 0.3
    """The mean probability (0-1) from which a region is a line."""

    min_text_width: float = 5
    """The shortest side in pixels that a rectangle may have."""

    unclip_ratio: float = 1.5
    """How far regions grow (ocr.detector.grown)."""

    epsilon_ratio: float = 0.01
    """The share of its length by which an outline may be simplified."""

    max_candidates: int = 3000
    """Contours that are looked at."""

    def __call__(self, maps: NDArray[np.float32]) -> list[Region]:
        """The lines in maps (1, H, W)."""
        mask = (maps[0] > self.mask_thr).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        regions = (self._decode(maps[0], contour) for contour in contours[: self.max_candidates + 1])
        return [region for region in regions if region]

    def _decode(self, probability: NDArray[np.float32], contour: MatLike) -> Region | None:
        core = cv2.approxPolyDP(contour, self.epsilon_ratio * cv2.arcLength(contour, closed=True), closed=True)[:, 0]
        if len(core) < 4 or cv2.contourArea(core) == 0:
            return None
        mean = mean_inside(probability, core.astype(np.float32))
        outlines = grown(core.astype(np.float32), self.unclip_ratio)
        if mean < self.min_text_score or len(outlines) != 1 or len(outlines[0]) < 4:
            return None
        if self.text_repr_type == "poly":
            return Region(geometry.clockwise(outlines[0]), mean)
        rectangle = cv2.minAreaRect(outlines[0])
        return Region(geometry.corners(*rectangle), mean) if min(rectangle[1]) >= self.min_text_width else None


DECODERS: dict[str, type[TextSnakeDecoder] | type[DbNetDecoder]] = {
    "TextSnakePostprocessor": TextSnakeDecoder,
    "DBPostprocessor": DbNetDecoder,
}
"""By the names of MMOCR's postprocessors that do the same."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to use an exported detector's network; it is stored in the metadata of its file."""

    longer: int
    """The longer side in pixels that a picture is resized to, as far as its aspect ratio allows."""

    shorter: int
    """The same of the shorter side."""

    stride: int
    """Both sides are padded up to a multiple of this many pixels."""

    mean: tuple[float, float, float]
    """The colour of the padding, BGR, 0-255."""

    decoder: TextSnakeDecoder | DbNetDecoder
    """Finds the lines in the network's maps."""

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Read a recipe from a file's metadata; raises KeyError or ValueError if there is none."""
        values = json.loads(metadata["mtphotos-ocr"])
        kind, decoder = values.pop("postprocessor"), values.pop("decoder")
        return cls(**values | {"mean": tuple(values["mean"])}, decoder=DECODERS[kind](**decoder))

    def to_metadata(self) -> dict[str, str]:
        """The metadata that from_metadata() reads."""
        (kind,) = (name for name, decoder in DECODERS.items() if isinstance(self.decoder, decoder))
        return {"mtphotos-ocr": json.dumps(asdict(self) | {"postprocessor": kind})}


def make_decoder(kind: str, values: Mapping[str, object]) -> TextSnakeDecoder | DbNetDecoder:
    """The decoder that does the same as MMOCR's postprocessor `kind` with these attributes; raises KeyError."""
    decoder = DECODERS[kind]
    return decoder(**{field.name: values[field.name] for field in fields(decoder)})  # type: ignore[arg-type]


class MmocrDetector:
    """Finds lines as a detector of MMOCR does in its test pipeline."""

    def __init__(self, network: MapsNetwork, recipe: Recipe) -> None:
        self._network = network
        self._recipe = recipe

    def __call__(self, pixels: Pixels) -> list[Region]:
        """The lines in a whole picture, in its pixels."""
        recipe = self._recipe
        height, width = pixels.shape[:2]
        ratio = min(recipe.longer / max(height, width), recipe.shorter / min(height, width))
        size = max(1, int(width * ratio + 0.5)), max(1, int(height * ratio + 0.5))
        padded = tuple(-(-side // recipe.stride) * recipe.stride for side in reversed(size))
        batch = np.tile(np.array(recipe.mean, np.float32)[:, np.newaxis, np.newaxis], (1, *padded))
        resized = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
        batch[:, : size[1], : size[0]] = resized.transpose(2, 0, 1)
        factors = np.array([width / size[0], height / size[1]], dtype=np.float32)
        regions = recipe.decoder(self._network(batch))
        return [Region(geometry.simplified(polygon, 1) * factors, score) for polygon, score in regions]
