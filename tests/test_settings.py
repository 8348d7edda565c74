import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest

import settings
from tests.fakes.project import ROOT


def key_of(loaded: settings.Settings) -> str | None:
    return loaded.api_auth_key.get_secret_value() if loaded.api_auth_key else None


def test_the_defaults() -> None:
    loaded = settings.load()
    assert loaded.http_port == 8000
    assert loaded.ocr_runner == "auto"
    assert loaded.ocr_model == "auto"
    assert 1 <= loaded.ocr_threads <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "900000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({}, 3),
    ],
)
def test_the_cpu_limit_of_a_container_counts(
    files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, "ascii")
    assert settings.count_usable_cores(tmp_path) == cores


@pytest.mark.parametrize("key", ["", "   ", "\t\n", "\u3000", None])
def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    monkeypatch.delenv("API_AUTH_KEY")
    if key is not None:
        monkeypatch.setenv("API_AUTH_KEY", key)
    assert settings.load().api_auth_key is None


def test_a_secret_is_a_file_and_a_variable_wins_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECRETS_FOLDER", tmp_path)
    (tmp_path / "api_auth_key").write_text("from-the-file\n", "utf-8")
    monkeypatch.setenv("API_AUTH_KEY", "from-the-variable")
    assert key_of(settings.load()) == "from-the-variable"
    monkeypatch.delenv("API_AUTH_KEY")
    assert key_of(settings.load()) == "from-the-file"


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u3000"])
def test_a_blank_key_hides_none_that_is_elsewhere(blank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECRETS_FOLDER", tmp_path)
    (tmp_path / "api_auth_key").write_text("  from-the-secret\t\n", "utf-8")
    monkeypatch.setenv("API_AUTH_KEY", blank)
    Path(".env").write_text(f'API_AUTH_KEY="{blank}"\n', "utf-8")
    assert key_of(settings.load()) == "from-the-secret"
    Path(".env").write_text('API_AUTH_KEY=" from-the-file\u3000"\n', "utf-8")
    assert key_of(settings.load()) == "from-the-file"


@pytest.mark.parametrize("written", ["= abc ", "=' abc '", '="\tabc\xa0"', " = abc\t", "=abc \r"])
def test_blanks_around_a_key_in_the_file_do_not_count(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_AUTH_KEY")
    Path(".env").write_text(f"API_AUTH_KEY{written}\n", "utf-8", newline="")
    assert key_of(settings.load()) == "abc"


def test_a_file_that_is_not_readable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_secrets_dir: Path | None) -> settings.Settings:
        raise PermissionError(13, "Permission denied", "/run/secrets/api_auth_key")

    monkeypatch.setattr(settings, "Settings", denied)
    with pytest.raises(settings.SettingsError, match=r"^/run/secrets/api_auth_key cannot be read \(Perm"):
        settings.load()


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_variable_counts_as_not_set(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_MAX_SIDE", blank)
    assert settings.load().ocr_max_side == 2000


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("OCR_MAX_SIDE=960\nHTTP_PORT=8060\nNOT_OURS=1\n", "utf-8")
    monkeypatch.setenv("HTTP_PORT", "8164")
    loaded = settings.load()
    assert (loaded.ocr_max_side, loaded.http_port) == (960, 8164)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OCR_RUNNER", "tpu", "change OCR_RUNNER: it must be 'auto', 'openvino'"),
        ("HTTP_PORT", "99999", "change HTTP_PORT: it must be less than or equal to 65535"),
        ("OCR_MIN_SCORE", "high", "change OCR_MIN_SCORE: it must be a valid number"),
        ("OCR_PARALLEL", "0", "change OCR_PARALLEL: it must be greater than or equal to 1"),
        ("OCR_TIMEOUT", "0", "change OCR_TIMEOUT: it must be greater than 0"),
        ("SERVER_DRAIN_TIME", "-1", "change SERVER_DRAIN_TIME: it must be greater than or equal to 0"),
        ("OCR_DEVICE", "gpu:one", "change OCR_DEVICE: it must be cpu, gpu, or gpu: and"),
        ("OCR_DEVICE", "the gpu", "change OCR_DEVICE: it must be cpu"),
        ("HTTP_HOST", "nas", "^change HTTP_HOST: it is not a valid IPv4 or IPv6 address$"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(settings.SettingsError, match=message):
        settings.load()


@pytest.mark.parametrize(
    ("address", "used"),
    [
        ("http://192.168.1.20:8060", "http://192.168.1.20:8060"),
        (" http://NAS:8060/ ", "http://nas:8060"),
        ("https://[fd00::1]/ai/", "https://[fd00::1]/ai"),
        ("", None),
    ],
)
def test_the_address_of_the_clip_service(monkeypatch: pytest.MonkeyPatch, address: str, used: str | None) -> None:
    monkeypatch.setenv("CLIP_API_URL", address)
    assert settings.load().clip_api_url == used


def test_a_blank_secret_is_no_address_of_a_clip_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECRETS_FOLDER", tmp_path)
    (tmp_path / "clip_api_url").write_text(" \n", "utf-8")
    assert settings.load().clip_api_url is None


@pytest.mark.parametrize(
    "address",
    [
        *("192.168.1.20:8060", "nas:8060", "ftp://nas", "file:///etc/passwd", "http://", "http://nas:99999", "none"),
        *("http://user:hunter2@nas:8060", "http://nas/?a=b", "http://nas/#a"),
    ],
)
def test_what_is_no_address_of_a_clip_service_is_named_but_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("CLIP_API_URL", address)
    with pytest.raises(settings.SettingsError) as caught:
        settings.load()
    assert str(caught.value).startswith("change CLIP_API_URL: it must be an address such as http://192.168.1.20:8060")
    assert "hunter2" not in repr(caught.value)


def test_all_wrong_values_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "many")
    monkeypatch.setenv("OCR_QUEUE", "0")
    with pytest.raises(settings.SettingsError, match=r"change HTTP_PORT: .*; change OCR_QUEUE: "):
        settings.load()


def test_the_key_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_AUTH_KEY", "hunter2")
    monkeypatch.setenv("HTTP_PORT", "many")
    with pytest.raises(settings.SettingsError) as caught:
        settings.load()
    monkeypatch.delenv("HTTP_PORT")
    assert "hunter2" not in f"{caught.value!r} {settings.load()!r}"


def test_blanks_around_a_key_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_AUTH_KEY", " abc\u3000")
    key = settings.load().api_auth_key
    assert key
    assert key.get_secret_value() == "abc"


@pytest.mark.parametrize("content", ["# 密钥\nA=1\n".encode("gbk"), "A=1".encode("utf-16")])
def test_a_file_in_another_charset_is_named(content: bytes) -> None:
    Path(".env").write_bytes(content)
    with pytest.raises(settings.SettingsError, match=r"cannot be read; save it as UTF-8"):
        settings.load()


def test_a_folder_instead_of_the_file_is_named() -> None:
    Path(".env").mkdir()
    with pytest.raises(settings.SettingsError, match=r"\.env is a folder"):
        settings.load()


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("HTTP_HOST", "127.0.0.1")
        monkeypatch.setenv("HTTP_PORT", str(other.getsockname()[1]))
        with pytest.raises(settings.SettingsError, match=r"Address already in use.*change HTTP_PORT or HTTP_HOST"):
            settings.load().check()


def test_bentomls_command_line_overrides_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken, socket.socket() as free, click.Context(click.Command("serve")) as context:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        taken_port, free_port = (each.getsockname()[1] for each in (taken, free))
        free.close()
        monkeypatch.setenv("HTTP_PORT", str(taken_port))
        context.params = {"host": "127.0.0.1", "port": free_port}
        settings.load().check()
        context.params = {"host": "127.0.0.1", "port": None}
        with pytest.raises(settings.SettingsError, match=rf"cannot listen on 127.0.0.1 port {taken_port}"):
            settings.load().check()


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_without_a_key_nothing_is_served(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_AUTH_KEY", blank)
    with pytest.raises(settings.SettingsError, match="set API_AUTH_KEY"):
        settings.load().check()


def test_a_port_whose_connections_have_just_ended_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # before the client, so that the port is left in TIME_WAIT
    monkeypatch.setenv("HTTP_HOST", "127.0.0.1")
    monkeypatch.setenv("HTTP_PORT", str(port))
    settings.load().check()


def test_an_ipv6_port_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            port = server.getsockname()[1]
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert str(settings.find_any_address()) == "::"
    monkeypatch.setenv("HTTP_HOST", "::1")
    monkeypatch.setenv("HTTP_PORT", str(port))
    settings.load().check()


def refuse(*_: object) -> None:
    raise OSError(99, "Cannot assign requested address")


def test_without_ipv6_the_default_address_is_that_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert str(settings.find_any_address()) == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "address"), [("192.0.2.7", "192.0.2.7"), ("::1", "[::1]"), ("0.0.0.0", "localhost"), ("::", "localhost")]
)
def test_the_address_that_is_told_can_be_entered(host: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", refuse)  # no network
    monkeypatch.setenv("HTTP_HOST", host)
    assert settings.describe_access(settings.load()).startswith(f"Address: http://{address}:8000\n")


def test_the_key_is_told_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_AUTH_KEY", "hunter2")
    monkeypatch.setenv("HTTP_PORT", "8060")
    assert settings.describe_access(settings.load()).endswith(":8060\nAPI key: hunter2")


def test_the_example_file_names_every_setting() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    named = {line.lstrip("# ").split("=")[0] for line in lines if "=" in line}
    assert named == {name.upper() for name in settings.Settings.model_fields}


def test_make_writes_a_fresh_key_that_only_the_owner_can_read(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "API_AUTH_KEY"}
    keys = set()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        subprocess.run(["make", "-s", "key", f"PYTHON={sys.executable}"], cwd=folder, env=environment, check=True)
        file_ = folder / ".env"
        assert stat.S_IMODE(file_.stat().st_mode) == 0o600
        keys.add(file_.read_text("utf-8"))
    assert len(keys) == 2
    assert all(len(key) > len("API_AUTH_KEY=") + 30 for key in keys)


@pytest.mark.parametrize(
    "existing",
    [
        *("", "API_AUTH_KEY=\n", "API_AUTH_KEY=''\n", "API_AUTH_KEY=\r\n", "# API_AUTH_KEY=old\nHTTP_PORT=8060"),
        *("API_AUTH_KEY=  \n", 'API_AUTH_KEY="  "\n', "API_AUTH_KEY='\t'\n"),
    ],
)
def test_make_adds_a_key_to_a_file_without_one_and_keeps_one_that_is_there(tmp_path: Path, existing: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "API_AUTH_KEY"}
    shutil.copy(ROOT / "Makefile", tmp_path)
    file_ = tmp_path / ".env"
    file_.write_bytes(existing.encode())
    command = ["make", "-s", "key", f"PYTHON={sys.executable}"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    once = file_.read_bytes().decode()
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert once == file_.read_bytes().decode()
    assert once.startswith(existing)
    *before, added = once.splitlines()
    assert before == existing.splitlines()
    assert len(added) > len("API_AUTH_KEY=") + 30
    assert stat.S_IMODE(file_.stat().st_mode) == 0o600
    assert len(once) > len(existing) + 40


@pytest.mark.parametrize(
    ("variable", "existing", "adds"),
    [
        ("", 'API_AUTH_KEY=" mine "\n', False),
        ("", "API_AUTH_KEY=  mine\n", False),
        (" mine ", "", False),
        ("  ", "", True),
        ("\t\n", "API_AUTH_KEY=' mine'\n", False),
    ],
)
def test_make_takes_blanks_around_a_key_as_the_service_does(
    tmp_path: Path, variable: str, existing: str, adds: bool
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    file_ = tmp_path / ".env"
    file_.write_text(existing, "utf-8")
    command = ["make", "-s", "key", f"PYTHON={sys.executable}"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | {"API_AUTH_KEY": variable}, check=True)
    assert (file_.read_text("utf-8") != existing) == adds


@pytest.mark.parametrize(
    ("system", "glibc", "target"),
    [
        ("Linux x86_64", "2.31", "openvino"),
        ("Linux aarch64", "2.36", "openvino"),
        ("Linux aarch64", "2.35", "openvino"),
        ("Linux aarch64", "2.31", "onnx"),
        ("Linux armv7l", "2.36", "onnx"),
        ("Darwin arm64", "", "openvino"),
    ],
)
def test_make_chooses_openvino_where_it_has_a_package(tmp_path: Path, system: str, glibc: str, target: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, printed in [("uname", system), ("getconf", f"glibc {glibc}")]:
        (commands / name).write_text(f"#!/bin/sh\necho '{printed}'\n", "utf-8")
        (commands / name).chmod(0o755)
    (tmp_path / "show.mk").write_text("include Makefile\nshow:\n\t@echo $(TARGET)\n", "utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "TARGET"}
    environment["PATH"] = f"{commands}:{environment['PATH']}"
    command = ["make", "-s", "-f", "show.mk", "show", f"PYTHON={sys.executable}"]
    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed == f"{target}\n"
