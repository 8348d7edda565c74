"""The parts of the service, made as the settings say."""

from ocr.types import Limits
from runners.base import Options
from runners.reader import Reader, candidates
from runners.supervisor import Bounds
from settings import Settings
from upload import Uploads


def reader(settings: Settings) -> Reader:
    """The reader, not yet started.

    Raises:
        RunnerUnavailable: the package of the runner is not installed.
    """
    limits = Limits(
        max_side=settings.ocr_max_side,
        max_pixels=settings.ocr_max_megapixels * 10**6,
        min_score=settings.ocr_min_score,
    )
    options = Options(settings.ocr_model, settings.ocr_threads, limits, settings.ocr_model_dir, settings.log_format)
    bounds = Bounds(
        parallel=settings.ocr_parallel,
        timeout=settings.ocr_timeout,
        idle=settings.server_restart_time,
        memory=settings.ocr_memory_limit_mb * 10**6,
    )
    return Reader(candidates(settings.ocr_runner), options, bounds)


def uploads(settings: Settings) -> Uploads:
    """What takes photos in: those that wait, and those that are being read."""
    return Uploads(
        photos=settings.ocr_queue + settings.ocr_parallel,
        largest=settings.ocr_max_upload_mb * 10**6,
    )
