"""What is patched in uvicorn is still there, and what overrides it still fits."""

import asyncio
import inspect
import logging
from importlib.metadata import version

import pytest
import uvicorn
from uvicorn.protocols.http import auto
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from api import uvicorn_patches
from api.connection_limits import BoundedProtocol
from api.forgiving_protocol import ANSWER_START, ForgivingProtocol

OVERRIDDEN = sorted(
    name
    for name, value in (vars(BoundedProtocol) | vars(ForgivingProtocol)).items()
    if callable(value) and (name[:1] != "_" or name == "_should_upgrade") and name != "make_head"
)


def test_it_was_written_for_the_version_that_is_installed() -> None:
    assert version("uvicorn").startswith(uvicorn_patches.WRITTEN_FOR)


def test_uvicorns_default_is_the_forgiving_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "AutoHTTPProtocol", HttpToolsProtocol)
    config = uvicorn.Config(object(), log_config=None)  # type: ignore[arg-type] # no application is called
    uvicorn_patches.apply()
    config.load()
    assert config.http_protocol_class is ForgivingProtocol


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_uvicorn_has_every_method_that_is_overridden(name: str) -> None:
    theirs, ours = getattr(HttpToolsProtocol, name), getattr(ForgivingProtocol, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


def test_uvicorn_has_everything_that_is_used() -> None:
    async def look() -> None:
        protocol = HttpToolsProtocol(uvicorn.Config(object()), ServerState(), {})  # type: ignore[arg-type]
        protocol.on_message_begin()
        used = {"loop", "transport", "cycle", "send_400_response", "parser", "url", "headers", "pipeline", "scheme"}
        assert used <= set(dir(protocol))

    asyncio.run(look())


def test_every_answer_begins_alike() -> None:
    assert all(line.startswith(ANSWER_START) for line in STATUS_LINE.values())


def test_another_version_is_named_in_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(logging.getLogger("mtphotos_ocr"), "propagate", True)
    monkeypatch.setattr(auto, "AutoHTTPProtocol", HttpToolsProtocol)
    monkeypatch.setattr(uvicorn_patches, "version", lambda _: "9.9.9")
    uvicorn_patches.apply()
    assert "uvicorn 0.54.x, not 9.9.9" in caplog.text
