"""CLIP search by way of `make serve`, with a CLIP service behind it."""

import socket
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.fakes.clip import VECTOR, FakeClip, clip_service
from tests.fakes.project import DATA, PICTURES
from tests.fakes.served import Served, run
from tests.fakes.waiting import wait_until

KEY = "the-key-of-clip"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeClip]:
    with clip_service(KEY) as running:
        yield running


@pytest.fixture(scope="module")
def relaying(fake: FakeClip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"CLIP_API_URL": fake.url, "CLIP_API_KEY": KEY, "CLIP_PASS_RESTART": "1", "OCR_TIMEOUT": "60"}
    yield from run(tmp_path_factory.mktemp("clip") / "project", **settings)


@pytest.fixture(autouse=True)
def _as_usual(fake: FakeClip) -> Iterator[None]:
    yield
    fake.release.set()
    fake.release.clear()
    fake.left.clear()
    fake.asked.clear()
    fake.manner = "200"


def begin(relaying: Served, *headers: str) -> socket.socket:
    """A connection with the headers of a request for /clip/img sent."""
    connection = socket.create_connection(("127.0.0.1", relaying.port), 30)
    lines = ["POST /clip/img HTTP/1.1", "host: nas", f"api-key: {relaying.key}", "content-type: a/b", *headers]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def test_one_address_serves_both(relaying: Served, fake: FakeClip) -> None:
    photo = (DATA / "receipt.png").read_bytes()
    answer = httpx.post(f"{relaying.url}/clip/img", headers=relaying.headers, files={"file": ("a.png", photo)})
    assert (answer.status_code, answer.content) == (200, VECTOR)
    assert photo in fake.asked[-1].body
    answer = httpx.post(f"{relaying.url}/clip/txt", headers=relaying.headers, json={"text": "猫"})
    assert (answer.status_code, answer.content) == (200, VECTOR)
    assert "猫".encode() in fake.asked[-1].body or b"\\u732b" in fake.asked[-1].body
    assert relaying.post("/ocr", DATA / "receipt.png").json()["result"]["texts"] == PICTURES["receipt.png"]
    assert {asked.headers["api-key"] for asked in fake.asked} == {KEY}
    assert relaying.post("/check").json()["clip"] == "answers"
    log = relaying.log.read_text("utf-8")
    assert "POST /clip/img 200" in log
    assert not {text for text in (KEY, "猫", "0.0123456789012345") if text in log}


def test_our_key_is_needed_and_theirs_does_not_do(relaying: Served, fake: FakeClip) -> None:
    for key in (KEY, "wrong", ""):
        for path in ("/clip/img", "/clip/txt"):
            assert httpx.post(f"{relaying.url}{path}", headers={"api-key": key}, content=b"1").status_code == 401
    assert not fake.asked


def test_20_mb_pass_and_65_do_not(relaying: Served, fake: FakeClip) -> None:
    answer = httpx.post(f"{relaying.url}/clip/img", headers=relaying.headers, content=bytes(20_000_000), timeout=60)
    assert answer.status_code == 200
    assert len(fake.asked[-1].body) == 20_000_000
    with begin(relaying, "content-length: 65000000") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_chunks_pass_and_100_continue_comes_only_once_the_clip_service_is_there(
    relaying: Served, fake: FakeClip
) -> None:
    with begin(relaying, "transfer-encoding: chunked", "expect: 100-continue") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"5\r\nphoto\r\n0\r\n\r\n")
        received = b""
        while VECTOR not in received:
            received += connection.recv(10_000)
    assert received.startswith(b"HTTP/1.1 200")
    assert fake.asked[-1].body == b"photo"
    assert "expect" not in fake.asked[-1].headers


@pytest.mark.parametrize("sent", ["half", "whole"])
def test_a_client_that_hangs_up_is_noticed_there(relaying: Served, fake: FakeClip, sent: str) -> None:
    fake.manner = "is slow"
    with begin(relaying, "content-length: 10") as connection:
        connection.sendall(b"photo" * (1 if sent == "half" else 2))
        if sent == "whole":
            wait_until(lambda: bool(fake.asked), "the request")
    assert fake.left.wait(30)


def test_a_failure_there_is_counted_and_told(relaying: Served, fake: FakeClip) -> None:
    fake.manner = "500"
    answer = relaying.post("/clip/img", DATA / "strip.png")
    assert answer.status_code == 502
    assert list(answer.json()) == ["detail"]
    assert "CLIP_API_URL" in answer.json()["detail"]
    assert relaying.post("/check").json()["clip"] == "does not answer"
    metrics = httpx.get(f"{relaying.url}/metrics", headers=relaying.headers).text
    assert 'mtphotos_ocr_clip_requests_total{outcome="failed",route="img"} 1.0' in metrics
    assert 'mtphotos_ocr_clip_state{state="does not answer"} 1.0' in metrics
    assert 'mtphotos_ocr_clip_state{state="answers"} 0.0' in metrics


def test_a_restart_is_passed_on(relaying: Served, fake: FakeClip) -> None:
    for path in ("/restart", "/restart_v2"):
        assert relaying.post(path).json() == {"result": "pass"}
        wait_until(lambda path=path: path in fake.paths(), f"passing {path} on")  # type: ignore[misc]
