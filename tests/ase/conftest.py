"""Each of the loaders, with `ase.wrapper`."""

import logging
import sys
from collections.abc import Iterator

import pytest

import ase.wrapper
from tests.fakes.loaders import LOADERS, Loader, embedded


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The module of the loader in C++; and the log as it was, once the test is over."""
    monkeypatch.setitem(sys.modules, "aiges_embed", embedded())
    ase.wrapper.loader.cache_clear()
    log = logging.getLogger("mtphotos_ocr")
    for name in ("handlers", "propagate"):
        monkeypatch.setattr(log, name, getattr(log, name))
    yield
    ase.wrapper.loader.cache_clear()


@pytest.fixture(params=LOADERS)
def loader(request: pytest.FixtureRequest) -> Iterator[Loader]:
    """Each of the loaders, nothing loaded yet."""
    made = LOADERS[request.param]()
    yield made
    made.fini()
