"""The service in this process, as MT Photos sees it, with the runner that reads colours."""

import socket
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.testclient import TestClient

from runners.registry import RUNNERS, RunnerEntry
from tests.fakes.project import KEY
from tests.fakes.waiting import LONG_S, wait_until


@pytest.fixture(scope="package")
def anonymous() -> Iterator[TestClient]:
    """A client without a key. One for all tests: BentoML registers its metrics once a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNNERS, "openvino", RunnerEntry("tests.fakes.runner:ColourRunner", ("numpy",)))
        import service  # noqa: PLC0415 - after the patch

        with TestClient(service.OcrService.to_asgi(), raise_server_exceptions=False) as client:  # type: ignore[attr-defined]
            wait_until(lambda: client.get("/readyz").status_code == 200)  # it is loading
            yield client


@pytest.fixture
def client(anonymous: TestClient) -> Iterator[TestClient]:
    """A client with the key."""
    anonymous.headers["api-key"] = KEY
    yield anonymous
    del anonymous.headers["api-key"]


@pytest.fixture(scope="package")
def address(anonymous: TestClient) -> Iterator[tuple[str, int]]:
    """Where the same service answers on real connections."""
    server = uvicorn.Server(uvicorn.Config(anonymous.app, host="127.0.0.1", port=0, lifespan="off", log_config=None))
    assert anonymous.portal
    serving = anonymous.portal.start_task_soon(server.serve)
    wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    serving.result(LONG_S)


@pytest.fixture
def connect(address: tuple[str, int]) -> Iterator[Callable[[], socket.socket]]:
    """A new connection to the service each time it is called."""
    opened: list[socket.socket] = []

    def open_connection() -> socket.socket:
        opened.append(socket.create_connection(address, timeout=LONG_S))
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close()
