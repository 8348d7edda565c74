"""The parts of the service, made as the settings say."""

from ocr.types import Limits
from runners.base import Options
from runners.choice import candidates
from runners.reader import Reader
from runners.supervisor import Bounds
from settings import Settings
from upload import Uploads


def reader(settings: Settings) -> Reader:
    """The reader, not yet started.

    Raises:
        RunnerUnavailable: none can be had; the message says what to do.
    """
    limits = Limits(
        max_side=settings.ocr_max_side,
        max_pixels=settings.ocr_max_megapixels * 10**6,
        min_score=settings.ocr_min_score,
    )
    options = Options(
        model=settings.ocr_model,
        threads=settings.ocr_threads,
        limits=limits,
        model_dir=settings.ocr_model_dir,
        log_format=settings.log_format,
        device=settings.ocr_device,
        gpu_memory=settings.ocr_gpu_memory_mb * 10**6,
    )
    bounds = Bounds(
        parallel=settings.ocr_parallel,
        timeout=settings.ocr_timeout,
        idle=settings.server_restart_time,
        memory=settings.ocr_memory_limit_mb * 10**6,
    )
    return Reader(candidates(settings.ocr_runner, options), options, bounds)


def uploads(settings: Settings) -> Uploads:
    """What takes photos in: those that wait, and those that are being read."""
    return Uploads(
        photos=settings.ocr_queue + settings.ocr_parallel,
        largest=settings.ocr_max_upload_mb * 10**6,
    )
