"""Each of the loaders, with the wrapper that it has imported."""

import logging
import sys
from collections.abc import Iterator

import pytest

from tests.fakes.loaders import LOADERS, BuiltIn, Loader


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The log, the path and the modules as they were, once the test is over."""
    log = logging.getLogger("mtphotos_ocr")
    for name in ("handlers", "propagate"):
        monkeypatch.setattr(log, name, getattr(log, name))
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, BuiltIn)]
    for name in ("aiges_embed", "aiges", "aiges.dto", "wrapper"):
        sys.modules.pop(name, None)


@pytest.fixture(params=LOADERS)
def loader(request: pytest.FixtureRequest) -> Iterator[Loader]:
    """Each of the loaders, nothing loaded yet."""
    made = LOADERS[request.param]()
    yield made
    made.fini()
