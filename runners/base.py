"""What a runner is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ocr.types import Limits, Reading


@dataclass(frozen=True, slots=True)
class Options:
    """What a runner is made with.

    `model` is a name of ocr.model_files, `threads` the cores that a network may use, `model_dir` a folder
    that replaces the model's own files, `log_format` the format of what it logs (see logs.py). `device` is "cpu",
    or "gpu" and the number of a card, "gpu:1"; None is the runner's own. On a card, `gpu_memory` bytes may be used.
    `mmocr` holds what only MMOCR's runners need: the values of the settings that begin so, without that word.
    """

    model: str
    threads: int
    limits: Limits
    model_dir: Path | None = None
    log_format: str = "text"
    device: str | None = None
    gpu_memory: int = 2000 * 10**6
    mmocr: Mapping[str, str] = field(default_factory=dict)


class Runner(Protocol):
    """Reads photos on one kind of hardware.

    `device` says in words what it runs on, `optimisations` what makes its networks faster; both are known once the
    runner is loaded.
    """

    device: str
    optimisations: tuple[str, ...]

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
