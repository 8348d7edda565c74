"""What client libraries do on a connection, on real ones."""

import re
import socket
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests.fakes import runner as fakes
from tests.fakes.project import KEY
from tests.fakes.waiting import wait_until

Connect = Callable[[], socket.socket]
REFUSED = r'mtphotos_ocr_photos_total{outcome="refused"} (\d+)'
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"


def upload(
    photo: bytes, headers: bytes = b"", version: bytes = b"1.1", key: bytes = KEY.encode(), path: bytes = b"/ocr"
) -> bytes:
    """A request that sends a photo to /ocr."""
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + photo + b"\r\n--b--\r\n"
    first = b"POST " + path + b" HTTP/" + version + b"\r\nHost: x\r\napi-key: " + key
    form = b"\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n" % len(body)
    return first + form + headers + b"\r\n" + body


def receive(connection: socket.socket) -> bytes:
    """All that comes until the service closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("padding", [0, 3_000_000])
def test_a_photo_that_is_sent_with_an_offer_of_http_2_is_read(connect: Connect, padding: int) -> None:
    photo = fakes.photo((1, 2, 3)) + bytes(padding)  # Pillow does not mind what comes after the picture
    connection = connect()
    connection.sendall(upload(photo, OFFER) + upload(photo, b"Connection: close\r\n"))
    assert receive(connection).count(b'"texts":["#010203"]') == 2


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_client_that_half_closes_when_it_has_sent_its_photo_gets_the_text(connect: Connect, version: bytes) -> None:
    connection = connect()
    connection.sendall(upload(fakes.photo(fakes.SLOW), version=version))
    connection.shutdown(socket.SHUT_WR)
    answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"texts":["#0000ff"]' in answer


def test_the_photo_of_a_client_that_has_left_is_let_go(connect: Connect, client: TestClient) -> None:
    def refused() -> bool:
        return count < int(re.findall(REFUSED, client.get("/metrics").text)[0])

    count = int(re.findall(REFUSED, client.get("/metrics").text)[0])
    others = [connect() for _ in range(8)]  # so that it waits
    for each in others:
        each.sendall(upload(fakes.photo(fakes.SLOW), b"Connection: close\r\n"))
    leaving = connect()
    leaving.sendall(upload(fakes.photo((1, 2, 3))))
    leaving.close()
    wait_until(refused)
    assert all(b'"texts":["#0000ff"]' in receive(each) for each in others)


@pytest.mark.parametrize("key", [b"  " + KEY.encode(), KEY.encode() + b" \t ", b"\t" + KEY.encode() + b"\xe3\x80\x80"])
def test_white_space_around_the_key_does_not_count(connect: Connect, key: bytes) -> None:
    connection = connect()
    connection.sendall(upload(fakes.photo((1, 2, 3)), b"Connection: close\r\n", key=key))
    assert b'"texts":["#010203"]' in receive(connection)


PATHS = [b"//ocr", b"///ocr", b"/ocr/", b"/%2focr", b"/%2Focr", b"/ocr%2f", b"http://x//ocr", b"/%6fcr", b"//ocr?a=//b"]
TRICKS = [
    b"/./ocr",
    b"/livez/../ocr",
    b"/livez/..//ocr",
    b"//livez//..//ocr",
    b"/livez/%2e%2e/ocr",
    b"/;/ocr",
    b"/\\ocr",
]


@pytest.mark.parametrize("path", [*PATHS, *TRICKS])
@pytest.mark.parametrize("key", [b"", b"wrong", KEY.encode()])
def test_no_way_of_writing_a_path_gets_round_the_key(connect: Connect, path: bytes, key: bytes) -> None:
    connection = connect()
    connection.sendall(upload(fakes.photo((1, 2, 3)), b"Connection: close\r\n", key=key, path=path))
    answer = receive(connection)
    status = b"401" if key != KEY.encode() else b"200" if path in PATHS else b"404"
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert (b"#010203" in answer) == (status == b"200")
