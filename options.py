"""The options of a runner, from the settings; the same for the HTTP service and for the ASE platform."""

from ocr.types import Limits
from runners import prepared
from runners.base import Options
from settings import Settings


def make_options(settings: Settings) -> Options:
    """The options of whichever runner is chosen."""
    limits = Limits(
        max_side=settings.ocr_max_side,
        max_pixels=settings.ocr_max_megapixels * 10**6,
        min_score=settings.ocr_min_score,
    )
    mmocr = {
        name.removeprefix("mmocr_"): str(value)
        for name, value in settings.model_dump(exclude_none=True).items()
        if name.startswith("mmocr_")
    }
    return Options(
        model=settings.ocr_model,
        threads=settings.ocr_threads,
        limits=limits,
        model_dir=settings.ocr_model_dir,
        prepared_dir=prepared.find_folder(),
        log_format=settings.log_format,
        niceness=settings.ocr_nice,
        device=settings.ocr_device,
        gpu_memory=settings.ocr_gpu_memory_mb * 10**6,
        mmocr=mmocr,
    )
