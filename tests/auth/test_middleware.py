import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from auth import ApiKeyMiddleware

KEY = "correct horse — battery"
OK, REFUSED = 200, 401


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": OK, "headers": []})


def answer(path: str = "/ocr", *headers: tuple[bytes, bytes], kind: str = "http", key: str = KEY) -> Message:
    """The first message that the middleware sends; the body must not be read."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the body was read")

    scope = {"type": kind, "path": path, "headers": list(headers), "method": "POST"}
    asyncio.run(ApiKeyMiddleware(_app, key)(scope, receive, send))
    return sent[0]


@pytest.mark.parametrize("header", [(b"api-key", KEY.encode()), (b"authorization", b"Bearer " + KEY.encode())])
def test_the_key_is_accepted_in_either_header(header: tuple[bytes, bytes]) -> None:
    assert answer("/ocr", header)["status"] == OK


def around(key: bytes) -> list[bytes]:
    """A key with white space around it, as copying and pasting adds it; also that of Chinese keyboards."""
    blanks = [b" ", b"\t", b" \t  ", b"\r\n", *(blank.encode() for blank in "\xa0\u2003\u3000")]
    return [place for blank in blanks for place in (blank + key, key + blank, blank + key + blank)]


@pytest.mark.parametrize("sent", around(KEY.encode()))
@pytest.mark.parametrize("ours", [KEY, f" {KEY}", f"\t{KEY}\u3000\n"])
def test_white_space_around_a_key_does_not_count(sent: bytes, ours: str) -> None:
    assert answer("/ocr", (b"api-key", sent), key=ours)["status"] == OK
    for scheme in (b"Bearer ", b"bearer   ", b"  Bearer "):
        assert answer("/ocr", (b"authorization", scheme + sent), key=ours)["status"] == OK


@pytest.mark.parametrize("sent", [*around(b""), *(KEY.replace(" ", other).encode() for other in ("", "  "))])
def test_white_space_alone_is_no_key_and_that_within_one_counts(sent: bytes) -> None:
    assert answer("/ocr", (b"api-key", sent))["status"] == REFUSED
    assert answer("/ocr", (b"authorization", b"Bearer " + sent))["status"] == REFUSED


def test_a_key_that_is_no_utf_8_is_accepted_as_it_is() -> None:
    key = b"cl\xe9".decode(errors="surrogateescape")  # as the environment gives it
    assert answer("/ocr", (b"api-key", b"cl\xe9 "), key=key)["status"] == OK
    assert answer("/ocr", (b"api-key", "cl\xe9".encode()), key=key)["status"] == REFUSED


@given(
    st.binary().filter(lambda sent: sent.decode(errors="surrogateescape").strip() != KEY),
    st.sampled_from([b"", b"Bearer ", b"Basic "]),
)
def test_nothing_else_is_accepted(sent: bytes, scheme: bytes) -> None:
    assert answer("/ocr", (b"api-key", sent))["status"] == REFUSED
    assert answer("/ocr", (b"authorization", scheme + sent))["status"] == REFUSED


def test_the_key_in_another_scheme_is_refused() -> None:
    assert answer("/ocr", (b"authorization", b"Basic " + KEY.encode()))["status"] == REFUSED


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/livez", "/readyz"])
def test_the_page_and_the_probes_need_no_key(path: str) -> None:
    assert answer(path)["status"] == OK


@pytest.mark.parametrize("path", ["", "//", "/livez/", "/readyz/../ocr", "/healthz", "/metrics", "/docs.json"])
def test_similar_paths_need_the_key(path: str) -> None:
    assert answer(path)["status"] == REFUSED


def test_websockets_are_closed() -> None:
    assert answer("/ocr", kind="websocket")["type"] == "websocket.close"


@pytest.mark.parametrize("key", ["", "  ", "\t\u3000"])
def test_an_empty_key_is_never_accepted(key: str) -> None:
    with pytest.raises(ValueError, match="empty key"):
        ApiKeyMiddleware(_app, key)
