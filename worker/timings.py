"""How long the service waits for its worker."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, all of them."""

    load_timeout_s: float = 120.0
    """That loading a model may take; about 1 is usual."""

    patience_s: float = 5.0
    """That a photo waits at most while workers fail to start: enough for four attempts."""

    pauses_s: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
    """Until the next attempt after the first, second ... failure in a row; the last one repeats."""

    memory_pause_s: float = 60.0
    """Between two replacements because of memory at least: each costs about a second of loading."""

    exit_grace_s: float = 5.0
    """That a worker with nothing left to do has to end; one that is frozen never would."""
