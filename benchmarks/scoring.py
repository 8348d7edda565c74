"""Character F1 and line F1: how well the lines that were read agree with the labels."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text with its upright box; `ignore`d labels count neither way."""

    box: Box
    text: str
    ignore: bool = False


@dataclass(slots=True)
class F1:
    """Counts that add up over photos: hits, and all that was read and all that was labelled."""

    hits: float = 0
    read: int = 0
    labelled: int = 0

    def add(self, hits: float, read: int, labelled: int) -> None:
        self.hits += hits
        self.read += read
        self.labelled += labelled

    @property
    def value(self) -> float | None:
        """The harmonic mean of precision and recall, 0-1; None if nothing was labelled."""
        return 2 * self.hits / (self.read + self.labelled) if self.labelled else None

    def __str__(self) -> str:
        return "-" if self.value is None else f"{self.value:.3f}"


@dataclass(slots=True)
class Score:
    """The accuracy on one set of photos."""

    characters: F1 = field(default_factory=F1)
    """Over the characters of each photo, in any order."""

    lines: F1 = field(default_factory=F1)
    """Over lines with the right text, spaces aside, in the right place."""

    spaces: F1 = field(default_factory=F1)
    """The share of those lines that have the label's number of spaces."""

    places: F1 = field(default_factory=F1)
    """The mean IoU of their boxes with the labels'."""

    false_characters: int = 0
    """Characters that were read in photos without text."""


def normalize(text: str) -> str:
    """`text` as a search sees it: NFKC, lower case, no white space."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def add_photo(score: Score, read: Sequence[Line], labels: Sequence[Line] | None, page: str | None) -> None:
    """Count one photo's reading against its labelled lines, or against the text of its whole page."""
    if labels is not None:
        read = [
            line
            for line in read
            if not any(_measure_overlap(line.box, label.box) > 0.5 for label in labels if label.ignore)
        ]
        labels = [label for label in labels if not label.ignore]
        found = _match(read, labels)
        score.lines.add(len(found), len(read), len(labels))
        score.spaces.add(sum(a.text.count(" ") == b.text.count(" ") for a, b in found), len(found), len(found))
        score.places.add(sum(measure_iou(a.box, b.box) for a, b in found), len(found), len(found))
    text = page if labels is None else "".join(label.text for label in labels)
    if text is None:
        return
    characters = Counter(normalize("".join(line.text for line in read)))
    expected = Counter(normalize(text))
    if not expected:
        score.false_characters += characters.total()
    score.characters.add((characters & expected).total(), characters.total(), expected.total())


def _match(read: Sequence[Line], labels: Sequence[Line]) -> list[tuple[Line, Line]]:
    """Lines and labels with the same text whose boxes have an IoU of 0.4 or more, one to one."""
    free = list(labels)
    found = []
    for line in read:
        same = [label for label in free if normalize(label.text) == normalize(line.text)]
        best = max(same, key=lambda label: measure_iou(line.box, label.box), default=None)
        if best and measure_iou(line.box, best.box) >= 0.4:
            free.remove(best)
            found.append((line, best))
    return found


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _shared(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def measure_iou(a: Box, b: Box) -> float:
    """Intersection over union, 0-1."""
    shared = _shared(a, b)
    return shared / (_area(a) + _area(b) - shared) if shared else 0.0


def _measure_overlap(a: Box, b: Box) -> float:
    """The share of `a` that `b` covers."""
    return _shared(a, b) / _area(a) if _area(a) else 0.0
