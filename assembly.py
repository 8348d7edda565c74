"""The parts of the service, made from the settings."""

import sys

from api.clip_proxy import ClipLimits, ClipProxy, ClipService
from api.uploads import UploadBudget
from options import make_options
from runners.registry import find_candidates
from settings import Settings, SettingsError, load
from worker.client import WorkerClient
from worker.supervisor import WorkerLimits


def load_settings() -> Settings:
    """The settings; if one is wrong, the process ends with one line and code 1."""
    try:
        return load()
    except SettingsError as problem:
        sys.exit(f"mtphotos-ocr cannot start: {problem}")


def make_worker_client(settings: Settings) -> WorkerClient:
    """The client of the worker, not yet started.

    Raises:
        RunnerUnavailable: there is no usable runner; the message says what to do.
    """
    limits = WorkerLimits(
        parallel=settings.ocr_parallel,
        timeout_s=settings.ocr_timeout,
        idle_s=settings.server_restart_time,
        memory_bytes=settings.ocr_memory_limit_mb * 10**6,
    )
    options = make_options(settings)
    return WorkerClient(find_candidates(settings.ocr_runner, options), options, limits)


def make_upload_budget(settings: Settings) -> UploadBudget:
    """The bound on photos that are waiting or being read."""
    return UploadBudget(
        max_photos=settings.ocr_queue + settings.ocr_parallel,
        max_bytes=settings.ocr_max_upload_mb * 10**6,
    )


def make_clip_proxy(settings: Settings) -> ClipProxy:
    """The way to the service that does CLIP search, if there is one."""
    key = settings.clip_api_key or settings.api_auth_key
    return ClipProxy(
        ClipService(settings.clip_api_url, key.get_secret_value() if key else "", settings.clip_pass_restart),
        ClipLimits(settings.ocr_queue, settings.ocr_max_upload_mb * 10**6, settings.ocr_timeout),
    )
