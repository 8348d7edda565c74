"""Each of the loaders, with the wrapper that it has imported."""

import logging
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.ase.loaders import V1, V2, BuiltIn

Loader = V1 | V2


class Grpc(V2):
    """The package aiges: a Wrapper in a Python of its own, with the types of aiges.dto, which any code may import."""

    def __init__(self) -> None:
        super().__init__(types_in="aiges", legacy=False, is_aipaas=True, keep_schema_default_value=True)
        self._built_in.imported = True


LOADERS: dict[str, Callable[[], Loader]] = {
    "V1": V1,
    "V2": lambda: V2("tag", 0),
    "V2 before psrId": V2,
    "gRPC": Grpc,
}


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
