"""What the tests of the worker share."""

import asyncio
from pathlib import Path

import pytest

from ocr.types import Limits
from runners.base import Options
from runners.registry import RUNNERS, RunnerEntry
from tests.fakes.readers import TimeLimits


@pytest.fixture(autouse=True)
def _fake_runners(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Colour", "Unloadable", "Crashing", "Hunted", "Endless"):
        monkeypatch.setitem(RUNNERS, name.lower(), RunnerEntry(f"tests.fakes.runner:{name}Runner", ("numpy",)))


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options("none", 1, Limits(max_side=2000, max_pixels=10**6, min_score=0), tmp_path)


@pytest.fixture
def time_limits(monkeypatch: pytest.MonkeyPatch) -> TimeLimits:
    """Those of the photos of WorkerLimits of LONG_S."""
    limits = TimeLimits()
    monkeypatch.setattr(asyncio, "timeout", limits.make)
    return limits
