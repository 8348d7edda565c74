"""Metrics for Prometheus, named by its conventions (https://prometheus.io/docs/practices/naming/).

Counters and the histogram live in BentoML's registry; what is true at the moment of the scrape is added
to its text by `snapshot`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from bentoml._internal.server.http import instruments
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from api import openapi
from worker.client import State

PATHS = frozenset(openapi.description("")["paths"])

PHOTOS = Counter("mtphotos_ocr_photos", "Photos sent to /ocr, by what became of them.", ["outcome"])
LINES = Counter("mtphotos_ocr_lines", "Lines of text found.")
STAGES = Histogram(
    "mtphotos_ocr_stage_seconds",
    "Seconds that a photo spent in each stage: wait (for its turn), decode, coarse, detect, recognize.",
    ["stage"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
)
OUTCOMES = (
    "read",
    "unreadable_photo",
    "refused",
    "reading_failed",
    "reading_timed_out",
    "runner_unavailable",
    "queue_full",
    "stopping",
)
for each in OUTCOMES:  # from 0: Prometheus sees no growth in a series that begins with 1
    PHOTOS.labels(each)


class KnownPaths(instruments.RunnerTrafficMetricsMiddleware):
    """BentoML's count of requests, only of the paths that there are: anybody could give it others, without a key."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, or only pass it on."""
        await (super().__call__ if scope.get("path") in PATHS else self.app)(scope, receive, send)


instruments.RunnerTrafficMetricsMiddleware = KnownPaths  # type: ignore[misc] # BentoML takes it from there


@contextmanager
def outcome() -> Iterator[None]:
    """Count a photo: `read`, or the name of the exception that the block raises, as in `unreadable_photo`."""
    name = "read"
    try:
        yield
    except BaseException as error:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
        raise
    finally:
        PHOTOS.labels(name).inc()


def observe(seconds: Mapping[str, float], lines: int) -> None:
    """Add one reading: the seconds of its stages, and how many lines it found."""
    for stage, value in seconds.items():
        STAGES.labels(stage).observe(value)
    LINES.inc(lines)


def snapshot(state: State) -> str:
    """What is true now, in Prometheus' text format."""
    ended = CounterMetricFamily(
        "mtphotos_ocr_restarts", "Child processes that were replaced, ended or lost, by reason.", labels=["reason"]
    )
    for reason, count in state.restarts.items():
        ended.add_metric([reason], count)
    now = GaugeMetricFamily("mtphotos_ocr_memory_bytes", "Resident memory.", labels=["process"])
    peak = GaugeMetricFamily("mtphotos_ocr_memory_peak_bytes", "Most resident memory so far.", labels=["process"])
    for name, memory in state.memory.items():
        now.add_metric([name], memory.now)
        peak.add_metric([name], memory.peak)
    families = [
        GaugeMetricFamily("mtphotos_ocr_photos_reading", "Photos that are being read.", value=state.reading),
        GaugeMetricFamily("mtphotos_ocr_photos_waiting", "Photos that wait for their turn.", value=state.waiting),
        GaugeMetricFamily("mtphotos_ocr_ready", "1 if a photo would be taken.", value=int(state.ready)),
        GaugeMetricFamily("mtphotos_ocr_model_loaded", "1 if a model is loaded.", value=int(state.loaded)),
        GaugeMetricFamily("mtphotos_ocr_uptime_seconds", "Seconds since the service was started.", value=state.uptime),
        now,
        peak,
        ended,
    ]
    registry = CollectorRegistry()
    registry.register(_Fixed(families))
    return generate_latest(registry).decode()


class _Fixed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
