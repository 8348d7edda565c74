"""Which methods an address has, and how the others are answered."""

import socket
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests.fakes.project import KEY

GET = ["/", "/favicon.ico", "/livez", "/readyz", "/metrics", "/docs.json"]
POST = ["/check", "/ocr", "/restart", "/restart_v2", "/clip/img", "/clip/txt"]


def allowed(value: str) -> set[str]:
    return set(value.replace(" ", "").split(","))


@pytest.mark.parametrize("path", GET)
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    head, whole = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    varying = {"x-request-id", "content-length"}  # uptime and memory are in the metrics
    assert {*head.headers.items()} - {*whole.headers.items()} <= {
        (name, value) for name, value in head.headers.items() if name in varying
    }
    assert path == "/metrics" or head.headers.get("content-length") == whole.headers.get("content-length")


@pytest.mark.parametrize("path", [*GET, *POST])
def test_options_names_the_methods(client: TestClient, path: str) -> None:
    answer = client.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert allowed(answer.headers["allow"]) == {"OPTIONS", *(["POST"] if path in POST else ["GET", "HEAD"])}
    assert answer.headers["x-request-id"]


def test_what_is_not_there_has_none(client: TestClient) -> None:
    assert client.options("/nowhere").status_code == 404


@pytest.mark.parametrize(("key", "status"), [(KEY, b"204 No Content"), ("wrong", b"401 Unauthorized")])
def test_the_service_as_a_whole_has_all_of_them(connect: Callable[[], socket.socket], key: str, status: bytes) -> None:
    connection = connect()
    head = f"OPTIONS * HTTP/1.1\r\nHost: x\r\napi-key: {key}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode())
    answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert (b"\r\nallow: GET, HEAD, POST, OPTIONS\r\n" in answer) == (key == KEY)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", [*GET, *POST])
def test_any_other_method_is_refused_with_those_that_are_allowed(client: TestClient, path: str, method: str) -> None:
    if method in ({"POST"} if path in POST else {"GET", "HEAD"}):
        return
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert allowed(answer.headers["allow"]) == allowed(client.options(path).headers["allow"])
    if method != "HEAD":
        assert list(answer.json()) == ["detail"]
