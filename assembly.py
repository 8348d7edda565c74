"""The parts of the service, made as the settings say."""

from options import options
from runners.reader import Reader, candidates
from runners.supervisor import Bounds
from settings import Settings
from upload import Uploads


def reader(settings: Settings) -> Reader:
    """The reader, not yet started.

    Raises:
        RunnerUnavailable: the package of the runner is not installed.
    """
    bounds = Bounds(
        parallel=settings.ocr_parallel,
        timeout=settings.ocr_timeout,
        idle=settings.server_restart_time,
        memory=settings.ocr_memory_limit_mb * 10**6,
    )
    return Reader(candidates(settings.ocr_runner), options(settings), bounds)


def uploads(settings: Settings) -> Uploads:
    """What takes photos in: those that wait, and those that are being read."""
    return Uploads(
        photos=settings.ocr_queue + settings.ocr_parallel,
        largest=settings.ocr_max_upload_mb * 10**6,
    )
