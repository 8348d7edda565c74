"""What the runners on NVIDIA cards have in common."""

from ocr.recognizer import Recognizer
from ocr.together import Together
from ocr.types import ReadLines
from runners.base import Options
from runners.pipeline import OpenRecognizer, PipelineRunner

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

    def _recognizer(self, opened: OpenRecognizer) -> ReadLines:
        # alike=0: what a line reads as does not depend on the lines of other photos that it shares a batch with
        recognizer = Recognizer(opened.network, opened.charset, narrowest=opened.narrowest, widest=FULL_BATCH, alike=0)
        return Together(recognizer)
