"""What the runners on NVIDIA cards have in common."""

from pathlib import Path

from ocr.micro_batching import MicroBatcher
from ocr.recognizer import MAX_BATCH_WIDTH_PX, Recognizer
from ocr.types import Recognize
from runners.base import Options
from runners.pipeline import PipelineRunner

FULL_BATCH = 8 * 1280
"""Pixels of all the lines of a batch side by side. A card is idle most of the time with less."""


class CardRunner(PipelineRunner):
    """A runner on a card, or on the CPU if that is asked for; lines of several photos are recognized together.

    `card` is the number of the card, None on the CPU.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        kind, _, number = (options.device or "gpu").partition(":")
        self.card = None if kind == "cpu" else int(number or 0)

    def recognizer(self, path: Path) -> Recognize:
        opened = self.open_recognizer(path)
        # no extra width: the text of a line must not depend on the lines of other photos that share its batch
        width = MAX_BATCH_WIDTH_PX if self.card is None else FULL_BATCH
        return MicroBatcher(Recognizer(opened.network, opened.charset, max_batch_width=width, max_extra_width=0))
