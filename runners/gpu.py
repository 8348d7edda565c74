"""What the runners on NVIDIA cards have in common."""

from pathlib import Path

from ocr.micro_batching import MicroBatcher
from ocr.recognizer import MAX_BATCH_WIDTH_PX, Recognizer
from ocr.types import Recognize
from runners.base import Options
from runners.pipeline import PipelineRunner

FULL_BATCH_PX = 8 * 1280
"""Width of all the lines of a batch side by side. With less, a card is idle most of the time."""


class CardRunner(PipelineRunner):
    """A runner on a card, or on the CPU if the options ask for it; reads lines of several photos in one batch."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        kind, _, number = (options.device or "gpu").partition(":")
        self.card = None if kind == "cpu" else int(number or 0)
        """The number of the card; None on the CPU."""

    def load_recognizer(self, path: Path) -> Recognize:
        # max_extra_width=0: or how a line is read would depend on the lines of other photos in its batch
        widest = MAX_BATCH_WIDTH_PX if self.card is None else FULL_BATCH_PX
        return MicroBatcher(Recognizer(*self.load_recognizer_network(path), max_batch_width=widest, max_extra_width=0))
