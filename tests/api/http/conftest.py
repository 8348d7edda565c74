"""The service in this process, as MT Photos sees it, with the runner that reads colours."""

import time
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from runners.registry import RUNNERS, RunnerEntry
from tests.fakes.project import KEY


@pytest.fixture(scope="package")
def anonymous() -> Iterator[TestClient]:
    """A client without a key. One for all tests: BentoML registers its metrics once a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNNERS, "openvino", RunnerEntry("tests.fakes.runner:ColourRunner", ("numpy",)))
        import service  # noqa: PLC0415 - after the patch

        with TestClient(service.OcrService.to_asgi(), raise_server_exceptions=False) as client:  # type: ignore[attr-defined]
            while client.get("/readyz").status_code != 200:  # it is loading
                time.sleep(0.01)
            yield client


@pytest.fixture
def client(anonymous: TestClient) -> Iterator[TestClient]:
    """A client with the key."""
    anonymous.headers["api-key"] = KEY
    yield anonymous
    del anonymous.headers["api-key"]
