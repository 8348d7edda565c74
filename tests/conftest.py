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


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run where there is no .env of the developer's."""
    monkeypatch.chdir(tmp_path)
