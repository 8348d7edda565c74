"""A photo's way: find the lines, cut them out, recognize them."""

from typing import Protocol

import numpy as np

from ocr import geometry
from ocr.decoding import Photo
from ocr.line_splitting import LineSplitter
from ocr.right_to_left import to_logical_order
from ocr.search import WholePhotoSearch
from ocr.types import Limits, Pixels, Polygon, Reading, Recognize, TextLine

UNSURE = 0.8  # a line with a lower score may stand on its head, so it is read a second time, turned
TRIED = 12  # unsure lines that are turned at a time, the widest first: they show whether that helps the others
SURE = 0.9  # the score from which that second reading counts; below, it was noise on labelled receipts


class Find(Protocol):
    """Finds the lines in a photo; see ocr.search."""

    def __call__(self, data: bytes, reading: Reading) -> tuple[Photo, list[Polygon]]:
        """The photo, decoded as large as its text needs, and what to cut out of it, in pixels of the full photo."""

    def outline(self, polygon: Polygon) -> Polygon:
        """Where the print is in such a polygon."""


class Pipeline:
    """Reads photos with a finder and a recognizer; safe to call from several threads at once."""

    def __init__(self, finder: Find, recognizer: Recognize, limits: Limits) -> None:
        self._finder = finder
        self._recognizer = LineSplitter(recognizer)
        self._limits = limits

    def read(self, data: bytes) -> Reading:
        """The lines of text in a photo, in reading order, polygons in pixels of the full upright photo.

        Raises:
            UnreadablePhoto: `data` is not a picture that can be read.
        """
        reading = Reading()
        photo, polygons = self._finder(data, reading)
        polygons = [polygons[index] for index in geometry.reading_order(polygons)]
        with reading.stage("recognize"):
            factors = np.array(photo.px_per_full_px, dtype=np.float32)
            crops = [geometry.crop(photo.pixels, polygon * factors) for polygon in polygons]
            texts = self._recognize(crops)
            self._turn_sideways(crops, texts, geometry.short_among_columns(polygons))
        size = photo.width, photo.height
        lines = [
            TextLine(geometry.clipped(self._finder.outline(polygon), size), to_logical_order(text.strip()), score)
            for polygon, (text, score) in zip(polygons, texts, strict=True)
            if text.strip() and score >= self._limits.min_score
        ]
        return Reading(lines, reading.seconds, size)

    def _recognize(self, crops: list[Pixels]) -> list[tuple[str, float]]:
        """Text and score of each crop, whichever way up it is.

        A line that reads badly is read again, turned; where many do, the print may just be small, and more of them
        follow only while some were on their head. If a quarter of all lines were, so may be the others, those too
        that seemed to read well: "TOTAL" and "4.50" do, upside down.
        """
        texts = self._recognizer(crops)
        unsure = [index for index, (_, score) in enumerate(texts) if score < UNSURE]
        unsure.sort(key=lambda index: -crops[index].shape[1])
        turned = 0
        for start in range(0, len(unsure), TRIED):
            better = self._turn(crops, texts, unsure[start : start + TRIED])
            turned += better
            if not better:
                break
        if turned and turned >= len(crops) / 4:
            self._turn(crops, texts, [index for index in range(len(crops)) if index not in unsure])
        return texts

    def _turn(self, crops: list[Pixels], texts: list[tuple[str, float]], indices: list[int]) -> int:
        """Replace the texts at `indices` by those of the turned crops where these read well; how many did."""
        turned = self._recognizer([np.rot90(crops[index], 2) for index in indices])
        better = [
            (index, reading)
            for index, reading in zip(indices, turned, strict=True)
            if reading[1] > max(SURE, texts[index][1])
        ]
        for index, reading in better:
            texts[index] = reading
        return len(better)

    def _turn_sideways(self, crops: list[Pixels], texts: list[tuple[str, float]], indices: list[int]) -> None:
        """Replace the texts at `indices` by those of crops turned left, or right, if all of them together read better.

        One alone does not tell: a digit on its side may read well, as another one.
        """
        if indices:
            turned = [self._recognizer([np.rot90(crops[index], turns) for index in indices]) for turns in (1, 3)]
            best = max([texts[index] for index in indices], *turned, key=lambda read: sum(score for _, score in read))
            for index, reading in zip(indices, best, strict=True):
                texts[index] = reading


class DetectionPipeline:
    """Finds the lines in photos and does not read them; safe to call from several threads at once."""

    def __init__(self, finder: WholePhotoSearch, limits: Limits) -> None:
        self._finder = finder
        self._limits = limits

    def read(self, data: bytes) -> Reading:
        """The lines in a photo as Pipeline gives them, without text and with the detector's scores.

        Raises:
            UnreadablePhoto: `data` is not a picture that can be read.
        """
        reading = Reading()
        photo, regions = self._finder.regions(data, reading)
        size = photo.width, photo.height
        lines = [
            TextLine(geometry.clipped(regions[index].polygon, size), "", score)
            for index in geometry.reading_order([region.polygon for region in regions])
            if (score := regions[index].probability) >= self._limits.min_score
        ]
        return Reading(lines, reading.seconds, size)
