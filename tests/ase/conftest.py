"""Each of the loaders, with `ase.wrapper`."""

import logging
import sys
from collections.abc import Callable, Iterator

import pytest

import ase.wrapper
from tests.ase.loaders import V1, V2, embedded

Loader = V1 | V2

LOADERS: dict[str, Callable[[], Loader]] = {
    "V1": lambda: V1(ase.wrapper),
    "V2": lambda: V2(ase.wrapper, "tag", 0),
    "V2 before psrId": lambda: V2(ase.wrapper),
    "gRPC": lambda: V2(ase.wrapper, legacy=False, is_aipaas=True, keep_schema_default_value=True),
}


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
