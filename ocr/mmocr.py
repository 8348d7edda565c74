"""MMOCR's detectors without MMOCR: the picture as their networks want it, and the lines in what these make of it."""

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
from ocr.textsnake import TextSnake
from ocr.types import Pixels

Maps = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""One pass of a detector's network: maps (C, H, W) of pixels (3, H, W), BGR, 0-255. Safe to call from several threads
at once."""


@dataclass(frozen=True, slots=True)
class Binarization:
    """Decodes DBNet's probability map; fields and defaults are those of MMOCR's DBPostprocessor.

    `text_repr_type` is quad, for rectangles, or poly. Probabilities (0-1) from which a pixel is text and from which a
    region is a line, the shortest side of a rectangle in pixels, how far regions grow (ocr.detector.grown), the share
    of its length by which an outline may be simplified, and the most regions.
    """

    text_repr_type: str = "poly"
    mask_thr: float = 0.3
    min_text_score: float = 0.3
    min_text_width: float = 5
    unclip_ratio: float = 1.5
    epsilon_ratio: float = 0.01
    max_candidates: int = 3000

    def __call__(self, maps: NDArray[np.float32]) -> list[Region]:
        """The lines in maps (1, H, W)."""
        mask = (maps[0] > self.mask_thr).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        found = (self._line(maps[0], contour) for contour in contours[: self.max_candidates + 1])
        return [region for region in found if region]

    def _line(self, probability: NDArray[np.float32], contour: MatLike) -> Region | None:
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


DECODERS: dict[str, type[TextSnake] | type[Binarization]] = {
    "TextSnakePostprocessor": TextSnake,
    "DBPostprocessor": Binarization,
}
"""By the names that they have in MMOCR."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What there is to know about an exported detector beside its network; it stands in the metadata of its file.

    `longer` and `shorter` are what the sides of a picture are brought to, in pixels, as far as its shape allows;
    `stride` what they are filled up to a multiple of, with the colour `mean`, BGR, 0-255.
    """

    longer: int
    shorter: int
    stride: int
    mean: tuple[float, float, float]
    decoder: TextSnake | Binarization

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> Self:
        """From a file's metadata; raises KeyError or ValueError if it has none of ours."""
        told = json.loads(metadata["mtphotos-ocr"])
        kind, values = told.pop("postprocessor"), told.pop("decoder")
        return cls(**told | {"mean": tuple(told["mean"])}, decoder=DECODERS[kind](**values))

    def metadata(self) -> dict[str, str]:
        """The same as a file's metadata."""
        (kind,) = (name for name, decoder in DECODERS.items() if isinstance(self.decoder, decoder))
        return {"mtphotos-ocr": json.dumps(asdict(self) | {"postprocessor": kind})}


def decoder(kind: str, values: Mapping[str, object]) -> TextSnake | Binarization:
    """The decoder that does what MMOCR's postprocessor `kind` with these attributes does; raises KeyError."""
    made = DECODERS[kind]
    return made(**{field.name: values[field.name] for field in fields(made)})  # type: ignore[arg-type]


class MmocrDetector:
    """Finds lines as a detector of MMOCR does in its test pipeline."""

    def __init__(self, network: Maps, recipe: Recipe) -> None:
        self._network = network
        self._recipe = recipe

    def __call__(self, pixels: Pixels) -> list[Region]:
        """The lines in a whole picture, in its pixels."""
        recipe = self._recipe
        height, width = pixels.shape[:2]
        scale = min(recipe.longer / max(height, width), recipe.shorter / min(height, width))
        size = max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))
        filled = tuple(-(-side // recipe.stride) * recipe.stride for side in reversed(size))
        batch = np.tile(np.array(recipe.mean, np.float32)[:, np.newaxis, np.newaxis], (1, *filled))
        resized = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
        batch[:, : size[1], : size[0]] = resized.transpose(2, 0, 1)
        factors = np.array([width / size[0], height / size[1]], dtype=np.float32)
        found = recipe.decoder(self._network(batch))
        return [Region(geometry.simplified(polygon, 1) * factors, score) for polygon, score in found]
