"""What all tests share. No test needs a network, a font or anything outside the project.

But for those of the page: they use Chromium, and are skipped where there is none.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

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
        *("networks/test_unpadded.py", "runners/test_mmocr_onnx.py", "runners/test_optimisations.py"),
    ),
    "process": (
        *("api/http/", "image/", "mmocr/test_http.py", "runners/test_mmocr_onnx.py", "service/"),
        *("worker/test_process.py", "worker/test_supervisor.py"),
    ),
    "browser": ("service/page/",),
}
"""By a test's path: `make test-fast` leaves them all out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = item.path.relative_to(HERE).as_posix()
        for mark, places in MARKS.items():
            if path.startswith(places):
                item.add_marker(mark)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run where there is no .env of the developer's."""
    monkeypatch.chdir(tmp_path)
