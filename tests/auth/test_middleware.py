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


def answer(path: str = "/ocr", *headers: tuple[bytes, bytes], kind: str = "http") -> Message:
    """The first message that the middleware sends; the body must not be read."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the body was read")

    scope = {"type": kind, "path": path, "headers": list(headers), "method": "POST"}
    asyncio.run(ApiKeyMiddleware(_app, KEY)(scope, receive, send))
    return sent[0]


@pytest.mark.parametrize("header", [(b"api-key", KEY.encode()), (b"authorization", b"Bearer " + KEY.encode())])
def test_the_key_is_accepted_in_either_header(header: tuple[bytes, bytes]) -> None:
    assert answer("/ocr", header)["status"] == OK


@given(st.binary().filter(lambda sent: sent != KEY.encode()), st.sampled_from([b"", b"Bearer ", b"Basic "]))
def test_nothing_else_is_accepted(sent: bytes, scheme: bytes) -> None:
    assert answer("/ocr", (b"api-key", sent))["status"] == REFUSED
    assert answer("/ocr", (b"authorization", scheme + sent))["status"] == REFUSED


def test_the_key_in_another_scheme_is_refused() -> None:
    assert answer("/ocr", (b"authorization", b"Basic " + KEY.encode()))["status"] == REFUSED


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz"])
def test_the_page_and_the_probes_need_no_key(path: str) -> None:
    assert answer(path)["status"] == OK


@pytest.mark.parametrize("path", ["", "//", "/livez/", "/readyz/../ocr", "/healthz", "/metrics", "/docs.json"])
def test_similar_paths_need_the_key(path: str) -> None:
    assert answer(path)["status"] == REFUSED


def test_websockets_are_closed() -> None:
    assert answer("/ocr", kind="websocket")["type"] == "websocket.close"


def test_an_empty_key_is_never_accepted() -> None:
    with pytest.raises(ValueError, match="empty key"):
        ApiKeyMiddleware(_app, "")
