"""What a line says: PP-OCR's recognizer with CTC decoding (Graves et al. 2006)."""

import math
import re
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.types import BestClasses, Pixels, planes

INPUT_HEIGHT_PX = 48  # as in the recognizers' training
TRAINED_WIDTH_PX = 320  # as in their training: with widths down to 64, labelled receipts lost 1.5 % of their lines

INPUT_WIDTHS_PX = (TRAINED_WIDTH_PX, 416, 512, 640, 800, 1024, 1280)
"""Few, because both engines keep memory for every shape that they have seen."""

MAX_BATCH_WIDTH_PX = 1280  # sum over the lines of a batch: bounds its memory
MAX_BATCH_LINES = 32
MAX_EXTRA_WIDTH_PX = 112  # computing that much more padding takes as long as another pass of the network
INPUT_LINE_WIDTHS = 1.05  # the recognizer reads the last character worse without free space to its right
PX_PER_COLUMN = 8  # input pixels per column of the network's output
SPACE_BONUS_NATS = 1.5  # added to the network's log odds of a space: without it, ten are lost for each one invented
MIN_CJK_SPACE_PROBABILITY = 1 / (1 + math.exp(-SPACE_BONUS_NATS))  # with the bonus; 0.5 without
_CJK = "[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]"
CJK_SPACE = re.compile(f"{_CJK} {_CJK}")  # Han, kana and their punctuation are written without spaces
TRAILING_SPACE_PX = 24  # free space that the network must see behind a line: with 16, it reads last letters worse
MIN_SQUEEZED_SHARE = 0.85  # a long line keeps at least this share of its width if it then fits a narrower input
MIN_SQUEEZED_WIDTH_PX = 416  # shorter lines are not squeezed: labelled scenes lost 1 % of their characters


class Recognizer:
    """Reads the text of cropped lines; class 0 of `network` is CTC's blank, class i is charset[i - 1].

    `max_batch_width` in pixels bounds the sum over the lines of a batch, `max_extra_width` how much wider than needed
    the input of a line may be so that it can share a batch.
    """

    def __init__(
        self,
        network: BestClasses,
        charset: Sequence[str],
        *,
        max_batch_width: int = MAX_BATCH_WIDTH_PX,
        max_extra_width: int = MAX_EXTRA_WIDTH_PX,
    ) -> None:
        self._network = network
        self._charset = charset
        self._max_batch_width = max_batch_width
        self._max_extra_width = max_extra_width

    def __call__(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and score (0-1; 0 for no text) of each crop, in the order of the crops."""
        texts: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        for width, members in self._batch(crops):
            batch = np.stack([_pad(crops[index], width) for index in members])
            for index, best, probability in zip(members, *self._network(batch), strict=True):
                texts[index] = decode_ctc(self._charset, best, probability)
        return texts

    def _batch(self, crops: Sequence[Pixels]) -> Iterator[tuple[int, list[int]]]:
        """Input width and members of each batch: the widest lines first, with others about as wide."""
        widths = [self._choose_width(crop) for crop in crops]
        waiting = sorted(range(len(crops)), key=lambda index: -widths[index])
        while waiting:
            width = widths[waiting[0]]
            similar = sum(widths[index] >= width - self._max_extra_width for index in waiting)
            size = self._round_size(max(1, min(similar, self._max_batch_width // width, MAX_BATCH_LINES)))
            yield width, waiting[:size]
            waiting = waiting[size:]

    def _choose_width(self, crop: Pixels) -> int:
        return _choose_input_width(crop)

    def _round_size(self, max_lines: int) -> int:
        """The size of a batch: 1, 2, 4, 8 ..., so that there are few shapes."""
        return 1 << (max_lines.bit_length() - 1)


class UnpaddedRecognizer(Recognizer):
    """A Recognizer whose network reads short lines without padding, on an engine to which new shapes cost nothing."""

    def _choose_width(self, crop: Pixels) -> int:
        width = scale_width(crop)
        if width * INPUT_LINE_WIDTHS > TRAINED_WIDTH_PX:
            return _choose_input_width(crop)
        return min(math.ceil((width + TRAILING_SPACE_PX) / PX_PER_COLUMN) * PX_PER_COLUMN, TRAINED_WIDTH_PX)

    def _round_size(self, max_lines: int) -> int:
        return max_lines


def decode_ctc(charset: Sequence[str], best: NDArray[np.int64], probability: NDArray[np.float32]) -> tuple[str, float]:
    """Text and score (0-1) of a line.

    `best` has the most probable class of each column, (T,), with 0 for CTC's blank, and `probability` its probability,
    (T,) in 0..1.
    """
    kept = best != 0
    kept[1:] &= best[1:] != best[:-1]
    if not kept.any():
        return "", 0.0
    characters = [charset[index - 1] for index in best[kept]]
    probability = probability[kept]
    letters = np.array([character != " " for character in characters])  # the probability of a space has the bonus
    score = float(probability[letters].mean()) if letters.any() else 0.0
    for index in range(len(characters) - 2, 0, -1):
        if letters[index] or probability[index] >= MIN_CJK_SPACE_PROBABILITY:
            continue
        if CJK_SPACE.fullmatch("".join(characters[index - 1 : index + 2])):
            del characters[index]
    return re.sub(" +", " ", "".join(characters)), score  # a wide gap may be several spaces with blanks between


def scale_width(crop: Pixels) -> int:
    """The width of a crop in pixels once it is as high as the network's input."""
    height, width = int(crop.shape[0]), int(crop.shape[1])
    return math.ceil(INPUT_HEIGHT_PX * width / height)


def resize(crop: Pixels, width: int) -> NDArray[np.float32]:
    """Resize a crop to the height of the network's input and `width` pixels: (3, 48, width) in -1..1."""
    resized = cv2.resize(np.ascontiguousarray(crop), (width, INPUT_HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    return planes(resized.astype(np.uint8, copy=False))


def _choose_input_width(crop: Pixels) -> int:
    """The smallest of INPUT_WIDTHS_PX that holds the line, which is squeezed a little if it is long; or the largest."""
    needed = scale_width(crop) * INPUT_LINE_WIDTHS
    needed = max(min(needed, MIN_SQUEEZED_WIDTH_PX), needed * MIN_SQUEEZED_SHARE)
    return next((width for width in INPUT_WIDTHS_PX if width >= needed), INPUT_WIDTHS_PX[-1])


def _pad(crop: Pixels, width: int) -> NDArray[np.float32]:
    """An input, (3, 48, width) in -1..1, with the line on its left and grey to its right."""
    line = resize(crop, min(scale_width(crop), int(width / INPUT_LINE_WIDTHS)))
    return np.pad(line, ((0, 0), (0, 0), (0, width - line.shape[2])))
