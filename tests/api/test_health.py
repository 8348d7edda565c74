import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api import health
from tests.fakes.project import ROOT


class Ready(HTTPServer):
    """A service that answers GET /readyz with `status`, anything else with 404."""

    status = 200

    class RequestHandlerClass(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, Ready)
            self.send_response(self.server.status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_request(self, *args: object) -> None:
            pass

    def __init__(self) -> None:
        super().__init__(("127.0.0.5", 0), self.RequestHandlerClass)


@pytest.fixture
def service() -> Iterator[Ready]:
    with Ready() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (401, False)])
def test_ready_is_a_200(service: Ready, status: int, ready: bool) -> None:
    service.status = status
    assert health.is_ready("127.0.0.5", str(service.server_port)) is ready


def test_the_exit_code_says_it(service: Ready) -> None:
    def check(**more: str) -> int:
        environment = {"HTTP_HOST": "127.0.0.5"} | more
        command = [sys.executable, "-m", "api.health"]
        ran = subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, check=False)
        assert ran.stderr == ""
        return ran.returncode

    port = str(service.server_port)
    assert check(HTTP_PORT=port, http_proxy="http://192.0.2.1:9") == 0
    assert check(PORT=port, BENTOML_PORT="1", HTTP_PORT="1") == 0
    assert check(PORT="", BENTOML_PORT=port, HTTP_PORT="1") == 0
    assert check(BENTOML_HOST="127.0.0.5", HTTP_HOST="127.0.0.6", HTTP_PORT=port) == 0
    assert check(HTTP_HOST="", HTTP_PORT=port) == 1
    assert check(HTTP_PORT="abc") == 1
    service.server_close()
    assert check(HTTP_PORT=port) == 1
