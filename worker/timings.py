"""How long the service waits for its worker."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, all of them."""

    load_timeout_s: float = 120.0
    """To load a model; usually about 1."""

    patience_s: float = 5.0
    """A photo's longest wait while workers fail to start: enough for four attempts."""

    pauses_s: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
    """Until the next attempt after the first, second ... failure in a row; the last one repeats."""

    memory_pause_s: float = 60.0
    """At least, between replacements for memory: each costs about a second of loading."""

    exit_grace_s: float = 5.0
    """For an idle worker to exit before it is killed; a frozen one never would."""
