"""What a line says: PP-OCR's recognizer with CTC decoding (Graves et al. 2006)."""

import math
import re
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.types import BestClasses, Pixels, planes

HEIGHT = 48  # pixels; what the recognizers were trained with
TRAINED_WIDTH = 320  # pixels; with widths down to 64, labelled receipts lost 1.5 % of their lines
WIDTHS = (TRAINED_WIDTH, 416, 512, 640, 800, 1024, 1280)
"""Input widths in pixels: few, because both engines keep memory for every shape that they have seen."""

WIDEST_BATCH = 1280  # pixels of all the lines of a batch side by side: bounds its memory
MOST_LINES = 32  # of a batch
ALIKE = 112  # pixels; reading so many more takes as long as another pass of the network
MARGIN = 1.05  # free space to the right: the recognizer reads the last character worse without it
STEP = 8  # pixels per column of what the network answers
SPACE = 1.5  # nats that a space gets beyond what the network gives it: as it is, it loses ten for one that it invents
EVEN = 1 / (1 + math.exp(-SPACE))  # what becomes of one half that the network gives a space
_HAN = "[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]"
UNSPACED = re.compile(f"{_HAN} {_HAN}")  # Han, kana and their punctuation know no spaces
BEHIND = 24  # pixels of free space behind a line that the network must see: with 16, last letters read worse
SQUEEZED = 0.85  # of its width that a long line keeps at least, where that makes it fit a narrower input
LONG = 416  # pixels; shorter lines are not squeezed: labelled scenes lost a hundredth of their characters


class Recognizer:
    """Reads the text of cut-out lines; class 0 of `network` is CTC's blank, class i is charset[i - 1].

    Both in pixels: `widest` is the width of all the lines of a batch side by side, `alike` how much wider than needed
    a line's input may be to share a batch.
    """

    def __init__(
        self,
        network: BestClasses,
        charset: Sequence[str],
        *,
        widest: int = WIDEST_BATCH,
        alike: int = ALIKE,
    ) -> None:
        self._network = network
        self._charset = charset
        self._widest = widest
        self._alike = alike

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        texts: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        for width, members in self._batches(crops):
            batch = np.stack([_input(crops[index], width) for index in members])
            for index, best, probability in zip(members, *self._network(batch), strict=True):
                texts[index] = decode(self._charset, best, probability)
        return texts

    def _batches(self, crops: Sequence[Pixels]) -> Iterator[tuple[int, list[int]]]:
        """The widest lines first, with others about as wide."""
        widths = [self._width(crop) for crop in crops]
        waiting = sorted(range(len(crops)), key=lambda index: -widths[index])
        while waiting:
            width = widths[waiting[0]]
            alike = sum(widths[index] >= width - self._alike for index in waiting)
            size = self._size(max(1, min(alike, self._widest // width, MOST_LINES)))
            yield width, waiting[:size]
            waiting = waiting[size:]

    def _width(self, crop: Pixels) -> int:
        return _input_width(crop)

    def _size(self, most: int) -> int:
        """Of a batch: 1, 2, 4, 8 ..., so there are few shapes."""
        return 1 << (most.bit_length() - 1)


class UnpaddedRecognizer(Recognizer):
    """The same with a network that reads a short line as it is, and an engine to which a new shape is nothing new."""

    def _width(self, crop: Pixels) -> int:
        room = math.ceil((line_width(crop) + BEHIND) / STEP) * STEP
        return min(room, TRAINED_WIDTH) if line_width(crop) * MARGIN <= TRAINED_WIDTH else _input_width(crop)

    def _size(self, most: int) -> int:
        return most


def decode(charset: Sequence[str], best: NDArray[np.int64], probability: NDArray[np.float32]) -> tuple[str, float]:
    """Text and score (0-1) of a line from the best class of each step, (T,), and its probability; 0 is CTC's blank."""
    kept = best != 0
    kept[1:] &= best[1:] != best[:-1]
    if not kept.any():
        return "", 0.0
    characters = [charset[index - 1] for index in best[kept]]
    sure = probability[kept]
    letters = np.array([character != " " for character in characters])  # that of a space, favoured, tells little
    score = float(sure[letters].mean()) if letters.any() else 0.0
    for place in range(len(characters) - 2, 0, -1):
        if not letters[place] and sure[place] < EVEN and UNSPACED.fullmatch("".join(characters[place - 1 : place + 2])):
            del characters[place]
    return re.sub(" +", " ", "".join(characters)), score  # a wide gap may be several spaces with blanks between


def line_width(crop: Pixels) -> int:
    """How wide a crop is, in pixels, when it is as high as the network's input."""
    height, width = int(crop.shape[0]), int(crop.shape[1])
    return math.ceil(HEIGHT * width / height)


def fitted(crop: Pixels, width: int) -> NDArray[np.float32]:
    """A crop as high as the network's input and `width` pixels wide: (3, 48, width) in -1..1."""
    resized = cv2.resize(np.ascontiguousarray(crop), (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return planes(resized.astype(np.uint8, copy=False))


def _input_width(crop: Pixels) -> int:
    """The first of WIDTHS that holds the line, if it is long a little squeezed; or the last."""
    needed = line_width(crop) * MARGIN
    needed = max(min(needed, LONG), needed * SQUEEZED)
    return next((width for width in WIDTHS if width >= needed), WIDTHS[-1])


def _input(crop: Pixels, width: int) -> NDArray[np.float32]:
    line = fitted(crop, min(line_width(crop), int(width / MARGIN)))
    return np.pad(line, ((0, 0), (0, 0), (0, width - line.shape[2])))
