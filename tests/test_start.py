"""What `make serve` checks and prints before BentoML serves; tests/service sees it do so."""

import os
import runpy
import socket
import sys
from pathlib import Path

import pytest

import start
from tests.fakes.project import KEY
from tests.fakes.served import free_port


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The commands that BentoML is run with; the port is free, and its home can be written."""
    ran: list[str] = []
    monkeypatch.setattr(sys, "argv", ["start"])
    monkeypatch.setattr(runpy, "run_module", lambda name, **_: ran.append(" ".join([name, *sys.argv[1:]])))
    monkeypatch.setenv("HTTP_HOST", "127.0.0.1")
    monkeypatch.setenv("HTTP_PORT", str(free_port()))
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    return ran


def test_it_prints_address_and_key_and_serves(commands: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    start.main()
    assert commands == ["bentoml serve service:OcrService"]
    assert capsys.readouterr().out == f"Address: http://127.0.0.1:{os.environ['HTTP_PORT']}\nAPI key: {KEY}\n"


def refusal(commands: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Why it does not serve: one line, and nothing else is printed."""
    with pytest.raises(SystemExit) as raised:
        start.main()
    assert commands == []
    assert capsys.readouterr().out == ""
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("variable", ["HTTP_PORT", "BENTOML_PORT"])
def test_a_port_that_is_taken_is_told_at_once(
    variable: str, commands: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv(variable, str(port))
        assert f"cannot listen on 127.0.0.1 port {port} " in refusal(commands, capsys)


@pytest.mark.parametrize("key", ["", " ", "\t\u3000 "])
def test_a_blank_key_is_refused_like_none(
    key: str, commands: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_AUTH_KEY", key)
    assert refusal(commands, capsys).startswith("mtphotos-ocr cannot start: set API_AUTH_KEY to a long random text")


def test_a_wrong_value_is_named(
    commands: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PORT", "many")
    told = refusal(commands, capsys)
    assert told.startswith("mtphotos-ocr cannot start: change HTTP_PORT: it must be a valid integer")


@pytest.mark.parametrize("variable", ["BENTOML_HOME", "HOME"])
def test_where_no_file_can_be_written_bentoml_gets_a_temporary_folder(
    variable: str, commands: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", "")
    monkeypatch.setenv(variable, "/dev/null/home")
    start.main()
    home = Path(os.environ["BENTOML_HOME"])
    assert home.is_dir()
    told = capsys.readouterr().out.splitlines()[0]
    assert told.startswith("/dev/null/home")
    assert told.endswith(f"cannot be written (Not a directory): BentoML keeps its files in {home} instead")
    assert len(commands) == 1
    home.rmdir()
