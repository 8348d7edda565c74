"""Every route with no key, a wrong one and the right one."""

import pytest
from starlette.testclient import TestClient

from tests.fakes import runner as fakes
from tests.fakes.project import KEY

OPEN = [("GET", "/"), ("GET", "/livez"), ("GET", "/readyz"), ("GET", "/favicon.ico")]
CLOSED = [
    ("POST", "/check"),
    ("POST", "/ocr"),
    ("POST", "/restart"),
    ("POST", "/restart_v2"),
    ("POST", "/clip/img"),
    ("POST", "/clip/txt"),
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/docs.json"),
    ("GET", "/schema.json"),
    ("GET", "/static_content/swagger-ui.css"),
    ("GET", "/ocr"),
    ("GET", "/nowhere"),
    ("OPTIONS", "/ocr"),
    ("HEAD", "/metrics"),
    ("POST", "/OCR"),
]
SLASHES = ["/{path}", "///{path}", "{path}/", "{path}///", "//{path}//", "/%2f{path}", "{path}%2F"]
"""Around a path that begins with one."""
WRONG = [None, "", "wrong", KEY[:-1], KEY.upper()]


@pytest.mark.parametrize(("method", "path"), OPEN)
@pytest.mark.parametrize("key", [*WRONG, KEY])
def test_open_routes_need_no_key(anonymous: TestClient, method: str, path: str, key: str | None) -> None:
    headers = {} if key is None else {"api-key": key}
    assert anonymous.request(method, path, headers=headers).status_code == 200


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("key", WRONG)
def test_closed_routes_refuse_a_wrong_key(anonymous: TestClient, method: str, path: str, key: str | None) -> None:
    headers = {} if key is None else {"api-key": key, "authorization": f"Bearer {key}"}
    answer = anonymous.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert method == "HEAD" or answer.json()["detail"].startswith("Invalid API key")
    assert KEY not in answer.text


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("headers", [{"api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
def test_closed_routes_open_with_the_key(
    anonymous: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    status = anonymous.request(method, path, headers=headers).status_code
    assert status != 401
    assert status < 500


@pytest.mark.parametrize("form", SLASHES)
@pytest.mark.parametrize(("method", "path"), [*OPEN, *CLOSED[:4], ("GET", "/metrics"), ("GET", "/docs.json")])
def test_slashes_too_many_change_nothing(anonymous: TestClient, form: str, method: str, path: str) -> None:
    address = "http://testserver" + form.format(path=path)
    files = {"file": fakes.photo((1, 2, 3))} if path == "/ocr" else None
    opened = anonymous.request(method, address, headers={"api-key": KEY}, files=files, follow_redirects=False)
    assert opened.status_code == 200
    for headers in ({}, {"api-key": "wrong"}):
        closed = anonymous.request(method, address, headers=headers, files=files, follow_redirects=False)
        assert closed.status_code == (200 if (method, path) in OPEN else 401)


def test_the_key_is_in_no_metric_and_no_description(client: TestClient) -> None:
    for path in ("/metrics", "/docs.json", "/schema.json"):
        assert KEY not in client.get(path).text
