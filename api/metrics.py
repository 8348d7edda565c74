"""Metrics for Prometheus, named by its conventions (https://prometheus.io/docs/practices/naming/).

Counters and the histogram live in BentoML's registry; `snapshot` makes the text of the values that are read at the
moment of the scrape.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.clip_proxy import STATES, Route, State
from ocr.errors import OcrError
from worker.client import WorkerStatus

PHOTOS = Counter("mtphotos_ocr_photos", "Photos sent to /ocr, by outcome.", ["outcome"])
LINES = Counter("mtphotos_ocr_lines", "Lines of text found.")
STAGES = Histogram(
    "mtphotos_ocr_stage_seconds",
    "Seconds a photo spent in each stage: wait (for its turn), decode, coarse, detect, recognize.",
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
    "out_of_memory",
    "queue_full",
    "stopping",
    "other",
)
"""`other` is no error class's: a bug, or a cancelled request."""
CLIP = Counter("mtphotos_ocr_clip_requests", "Requests for the CLIP service, by outcome.", ["route", "outcome"])
CLIP_OUTCOMES = ("answered", "refused", "not_set", "failed", "timed_out", "queue_full", "stopping", "other")
CLIP_ROUTES: tuple[Route, ...] = ("img", "txt")
for each in OUTCOMES:  # begin with 0: Prometheus sees no growth in a series that begins with 1
    PHOTOS.labels(each)
for each in CLIP_OUTCOMES:
    for route in CLIP_ROUTES:
        CLIP.labels(route, each)


@contextmanager
def _count(done: str, inc: Callable[[str], None]) -> Iterator[None]:
    outcome = "other"
    try:
        yield
        outcome = done
    except OcrError as error:
        outcome = error.outcome
        raise
    finally:
        inc(outcome)


def count_photo() -> AbstractContextManager[None]:
    """Count a photo as `read`, or by the outcome of the error that the block raises."""
    return _count("read", lambda outcome: PHOTOS.labels(outcome).inc())


def count_clip(route: Route) -> AbstractContextManager[None]:
    """Count a request for CLIP as `answered`, or by the outcome of the error that the block raises."""
    return _count("answered", lambda outcome: CLIP.labels(route, outcome).inc())


def observe_reading(seconds: Mapping[str, float], lines: int) -> None:
    """Add the seconds of each stage of one reading, and the number of its lines."""
    for stage, value in seconds.items():
        STAGES.labels(stage).observe(value)
    LINES.inc(lines)


def snapshot(state: WorkerStatus, clip: State) -> str:
    """The current values, in Prometheus' text format."""
    ended = CounterMetricFamily(
        "mtphotos_ocr_restarts", "Workers that were replaced, ended or lost, by reason.", labels=["reason"]
    )
    for reason, count in state.restarts.items():
        ended.add_metric([reason], count)
    now = GaugeMetricFamily("mtphotos_ocr_memory_bytes", "Resident memory.", labels=["process"])
    peak = GaugeMetricFamily(
        "mtphotos_ocr_memory_peak_bytes", "Peak of the resident memory so far.", labels=["process"]
    )
    for name, memory in state.memory.items():
        now.add_metric([name], memory.now)
        peak.add_metric([name], memory.peak)
    search = GaugeMetricFamily("mtphotos_ocr_clip_state", "1 for the state that is so.", labels=["state"])
    for each in STATES:
        search.add_metric([each], int(each == clip))
    families = [
        GaugeMetricFamily("mtphotos_ocr_photos_reading", "Photos read now or awaiting a worker.", value=state.reading),
        GaugeMetricFamily("mtphotos_ocr_photos_waiting", "Photos waiting for their turn.", value=state.waiting),
        GaugeMetricFamily("mtphotos_ocr_ready", "1 if the next photo would be taken.", value=int(state.ready)),
        GaugeMetricFamily("mtphotos_ocr_model_loaded", "1 if a model is loaded.", value=int(state.loaded)),
        GaugeMetricFamily("mtphotos_ocr_uptime_seconds", "Seconds since the service started.", value=state.uptime),
        now,
        peak,
        ended,
        search,
    ]
    registry = CollectorRegistry()
    registry.register(_Fixed(families))
    return generate_latest(registry).decode()


class _Fixed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
