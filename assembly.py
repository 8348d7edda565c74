"""The parts of the service, made as the settings say."""

from api.uploads import Uploads
from options import options
from runners.registry import find_candidates
from settings import Settings
from worker.client import WorkerClient
from worker.supervisor import WorkerLimits


def reader(settings: Settings) -> WorkerClient:
    """The reader, not yet started.

    Raises:
        RunnerUnavailable: none can be had; the message says what to do.
    """
    bounds = WorkerLimits(
        parallel=settings.ocr_parallel,
        timeout_s=settings.ocr_timeout,
        idle_s=settings.server_restart_time,
        memory_bytes=settings.ocr_memory_limit_mb * 10**6,
    )
    made_with = options(settings)
    return WorkerClient(find_candidates(settings.ocr_runner, made_with), made_with, bounds)


def uploads(settings: Settings) -> Uploads:
    """What takes photos in: those that wait, and those that are being read."""
    return Uploads(
        photos=settings.ocr_queue + settings.ocr_parallel,
        largest=settings.ocr_max_upload_mb * 10**6,
    )
