"""What the log says of requests."""

import asyncio
import logging
import re

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

import logs
from api.access_log import AccessLog


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes in what it is sent, logs it and answers; breaks on /broken."""
    body = await Request(scope, receive).body()
    logs.log.info("%s took in %d", logs.request_id.get(), len(body))
    if scope["path"] == "/broken":
        raise ZeroDivisionError
    await Response(status_code=204)(scope, receive, send)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logs.log, "propagate", False)
    monkeypatch.setattr(logs.log, "handlers", [caplog.handler])
    caplog.set_level(logging.INFO, logs.log.name)
    return caplog


client = TestClient(AccessLog(application))


def test_a_request_has_one_line_with_all_bytes_that_came(log: pytest.LogCaptureFixture) -> None:
    pieces = iter([(bytes(1000), True), (bytes(234), False)])

    async def receive() -> Message:
        body, more = next(pieces)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/check", "headers": []}
    asyncio.run(AccessLog(application)(scope, receive, send))
    assert re.fullmatch(r"POST /check 204 \d+\.\d{3}s bytes=1234", log.messages[-1])
    assert len(log.messages) == 2


def test_what_is_logged_meanwhile_carries_its_id(log: pytest.LogCaptureFixture) -> None:
    client.get("/check", headers={"x-request-id": "a-photo"})
    assert log.messages[0] == "a-photo took in 0"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_what_is_polled_has_no_line(path: str, log: pytest.LogCaptureFixture) -> None:
    client.get(path)
    assert len(log.messages) == 1


def test_a_request_that_breaks_has_a_line_too(log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError):
        client.get("/broken")
    assert re.fullmatch(r"GET /broken 0 \S+ bytes=0", log.messages[-1])


def test_a_path_of_any_length_makes_a_short_line(log: pytest.LogCaptureFixture) -> None:
    client.get("/" + "%0a" * 5000)
    assert log.messages[-1].startswith(r"GET /\n\n")
    assert len(log.messages[-1]) < 250
