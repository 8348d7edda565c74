"""What a runner is, and what it is made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ocr.types import Limits, Reading


@dataclass(frozen=True, slots=True)
class Options:
    """What a runner is made with, the same for every runner."""

    model: str
    """A name in ocr.model_files."""
    threads: int
    """The CPU cores that a network may use."""
    limits: Limits
    """The bounds of what is read."""
    model_dir: Path | None = None
    """A folder whose files replace those of the model."""
    prepared_dir: Path | None = None
    """A folder where networks that were made ready for this machine are kept (runners/prepared.py); None keeps none."""
    log_format: str = "text"
    """The format of the log (logs.py)."""
    niceness: int = 0
    """How far a process of its own steps back behind others, 0 to 19; inside ASE's there is none."""
    device: str | None = None
    """"cpu", or "gpu" and the number of a card, as in "gpu:1"; None leaves the choice to the runner."""
    gpu_memory: int = 2000 * 10**6
    """Bytes of a card's memory that may be used."""
    mmocr: Mapping[str, str] = field(default_factory=dict)
    """Settings of MMOCR's runners alone: the values of MMOCR_..., by the rest of the name in lower case."""


class Runner(Protocol):
    """Reads photos on one kind of hardware."""

    device: str
    """What it runs on, in words; known once it is loaded."""
    optimisations: tuple[str, ...]
    """What was really applied to its networks, in the words of docs/adr; known once it is loaded."""

    def __init__(self, options: Options) -> None: ...

    def load(self) -> None:
        """Load engine and model; raises RunnerUnavailable if this machine lacks what they need."""

    def read(self, photo: bytes) -> Reading:
        """The lines of a photo (the bytes of its file); called from several threads at once.

        Raises:
            UnreadablePhoto: the bytes are not a photo that can be read.
        """

    def close(self) -> None:
        """Let go of engine and model; the runner is not used again."""
