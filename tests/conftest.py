"""What all tests share. No test needs a network, a font or anything outside the project.

But for those of the page: they use Chromium, and are skipped where there is none.
"""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.fakes import side_by_side
from tests.fakes.kept import without_collector
from tests.fakes.project import KEY

settings.register_profile("here", deadline=None, max_examples=50)  # speed is a benchmark, never a test
settings.load_profile("here")

for variable in [
    name for name in os.environ if name.startswith(("API_AUTH_KEY", "HTTP_", "OCR_", "MMOCR_", "SERVER_", "BENTOML_"))
]:
    del os.environ[variable]
os.environ["API_AUTH_KEY"] = KEY  # before service.py is imported: it reads the settings then
_METRICS = tempfile.TemporaryDirectory()  # where BentoML's own workers keep theirs
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _METRICS.name


HERE = Path(__file__).parent
MARKS = {
    "model": (
        *("aiges/", "ase/test_real.py", "fitting/test_early_exit.py", "image/", "mmocr/", "model/"),
        *("networks/test_recognizers.py", "runners/test_mmocr_onnx.py", "runners/test_models.py"),
        "runners/test_optimisations.py",
    ),
    "process": (
        *("api/http/", "image/", "mmocr/test_http.py", "runners/test_mmocr_onnx.py", "service/"),
        "test_doctor.py",
        *("worker/test_failures.py", "worker/test_process.py", "worker/test_supervisor.py"),
    ),
    "browser": ("service/page/",),
}
"""By a test's path: `make test-fast` leaves them all out."""


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's, which is not in every environment
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    return side_by_side.make_scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order: dict[pytest.Item, tuple[bool, bool]] = {}
    for item in items:
        path = item.path.relative_to(HERE).as_posix()
        for mark, places in MARKS.items():
            if path.startswith(places):
                item.add_marker(mark)
        order[item] = side_by_side.find_group(path) != "the service", not any(item.iter_markers(mark) for mark in MARKS)
    items.sort(key=order.__getitem__)  # what takes long first, so that no process is left with it in the end


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Collect what a failed test has left before it is reported, and nothing while it is.

    A task whose exception nobody took logs its traceback when it is collected. For that, Python parses lines of code,
    and up to 3.12.1 it cannot do so while it is parsing (gh-106905): if the collector ran while Hypothesis or pytest
    parsed the failed test, pytest itself ended with a SystemError.
    """
    with without_collector(first=call.excinfo is not None):
        return (yield)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run where there is no .env of the developer's."""
    monkeypatch.chdir(tmp_path)
