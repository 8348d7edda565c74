"""A folder of labelled photos: manifest.jsonl, an object a line.

image: path beside the manifest; set: a name; lines: [{"quad": [[x, y] * 4], "text", "ignore"}], [] for a
photo without text, null for unknown; text: a whole page's text where only that is known.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from benchmarks.scoring import Box, Line


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """One photo of a set; `lines` and `page` are None where they are not known."""

    path: Path
    set: str
    lines: list[Line] | None
    page: str | None


def load(folder: Path) -> list[LabelledPhoto]:
    """The photos that the manifest of `folder` names, in its order."""
    rows = (folder / "manifest.jsonl").read_text("utf-8").strip()
    return [_parse_photo(folder, json.loads(row)) for row in rows.split("\n")]


def resize(photo: LabelledPhoto, factor: float, folder: Path) -> LabelledPhoto:
    """A copy in `folder`, a JPEG whose sides are `factor` times as long."""
    path = folder / f"{factor}-{photo.set}-{photo.path.stem}.jpg"
    pixels = cv2.imread(str(photo.path))
    assert pixels is not None, photo.path
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    copy = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=kind)
    cv2.imwrite(str(path), copy, [cv2.IMWRITE_JPEG_QUALITY, 95])
    lines = photo.lines and [replace(line, box=scale(line.box, factor)) for line in photo.lines]
    return replace(photo, path=path, lines=lines)


def scale(box: Box, factor: float) -> Box:
    """A box in a picture whose sides are `factor` times as long."""
    left, top, right, bottom = box
    return left * factor, top * factor, right * factor, bottom * factor


def _parse_photo(folder: Path, row: dict[str, object]) -> LabelledPhoto:
    lines = row.get("lines")
    labels = [_parse_line(line) for line in lines] if isinstance(lines, list) else None
    page = row.get("text")
    return LabelledPhoto(folder / str(row["image"]), str(row["set"]), labels, page if isinstance(page, str) else None)


def _parse_line(line: dict[str, object]) -> Line:
    quad = line["quad"]
    assert isinstance(quad, list)
    xs, ys = zip(*quad, strict=True)
    return Line((min(xs), min(ys), max(xs), max(ys)), str(line["text"]), bool(line.get("ignore")))
