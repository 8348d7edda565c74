"""Whatever is sent, the client gets a 4xx that says what is wrong, and the service goes on."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.fakes import runner as fakes

PHOTO = fakes.photo((1, 2, 3))
FORM = {"content-type": "multipart/form-data; boundary=b"}


def part(name: str, content: bytes, file_name: str | None = "a.png") -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{file_name}"' if file_name is not None else "")
    return b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "status", "says"),
    [
        (FORM, b"--b--\r\n", 422, "no field `file`"),
        (FORM, part("photo", PHOTO) + b"--b--\r\n", 422, "no field `file`"),
        (FORM, part("file", b"a text", None) + b"--b--\r\n", 422, "has a text"),
        (FORM, part("file", PHOTO), 422, "no field `file`"),  # the connection's end is not the form's end
        (FORM, part("file", PHOTO) + part("file", PHOTO) + b"--b--\r\n", 400, "Too many files"),
        (FORM, b"nonsense", 400, "malformed"),
        ({"content-type": FORM["content-type"] + "; charset=undefined"}, part("file", PHOTO), 400, "charset"),
        (FORM, b"--b\r\nNo-Disposition: 1\r\n\r\nx\r\n--b--\r\n", 400, "malformed"),
        (FORM, b"", 422, "no field `file`"),
        ({"content-type": "multipart/form-data"}, part("file", PHOTO), 400, "boundary"),
        ({"content-type": "multipart/form-data; boundary=other"}, part("file", PHOTO), 400, "malformed"),
        ({"content-type": "application/json"}, b'{"file": "https://example.com/a.jpg"}', 422, "multipart/form-data"),
        ({"content-type": "application/json"}, b"{", 422, "multipart/form-data"),
        ({"content-type": "image/png"}, PHOTO, 422, "multipart/form-data"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"file=a", 422, "multipart/form-data"),
        ({"content-type": "application/vnd.bentoml+pickle"}, b"cos\nsystem\n.", 415, "as the field `file`"),
        ({}, b"", 422, "multipart/form-data"),
    ],
)
def test_bad_forms(client: TestClient, headers: dict[str, str], body: bytes, status: int, says: str) -> None:
    answer = client.post("/ocr", content=body, headers=headers)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/ocr", 405)])
def test_errors_of_the_framework_have_the_same_shape(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]
    if status == 405:
        assert "POST" in answer.headers["allow"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.booleans())
def test_random_bodies_never_break_the_service(client: TestClient, body: bytes, inside: bool) -> None:
    body = part("file", PHOTO)[:-2] + body + b"\r\n--b--\r\n" if inside else body
    answer = client.post("/ocr", content=body, headers=FORM)
    assert answer.status_code in {200, 400, 422}
    assert answer.json().keys() & {"result", "detail"}


@pytest.fixture
def other_server() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine that must not be asked for anything: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PHOTO)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/photo.png", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_never_fetched(client: TestClient, other_server: tuple[str, list[str]]) -> None:
    url, asked = other_server
    sent = url.encode()
    bodies = [
        client.post("/ocr", data={"file": url}),
        client.post("/ocr", files={"file": (None, url)}),
        client.post("/ocr", files={"file": ("a.url", sent)}),
        client.post("/ocr", json={"file": url}),
        client.post("/ocr", content=sent, headers={"content-type": "image/png"}),
        client.post("/ocr", content=sent),
    ]
    assert asked == []
    assert all("texts" not in body.text for body in bodies)


def test_an_announced_upload_over_the_limit_is_refused_unread(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield part("file", PHOTO)
        pytest.fail("the second chunk was taken in")

    answer = client.post("/ocr", content=body(), headers={**FORM, "content-length": "64000001"})
    assert answer.status_code == 413
    assert "64 MB" in answer.json()["detail"]


def test_an_unannounced_upload_over_the_limit_is_cut_off(client: TestClient) -> None:
    chunks = (chunk for chunk in [part("file", PHOTO)[:-2], *[bytes(10**6)] * 64, b"\r\n--b--\r\n"])
    answer = client.post("/ocr", content=chunks, headers=FORM)
    assert answer.status_code == 413


def test_an_upload_up_to_the_limit_is_read(client: TestClient) -> None:
    padded = PHOTO + bytes(60_000_000)  # Pillow does not mind what comes after the picture
    answer = client.post("/ocr", files={"file": ("a.png", padded)})
    assert answer.json()["result"]["texts"] == ["#010203"]
