"""What `bentoml build` makes, and that it serves."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image

import api.page
from tests.fakes.pictures import encoded
from tests.fakes.project import DATA, ROOT
from tests.fakes.served import copy_project, environment, started
from tests.fakes.waiting import LONG_S

KEY = "a-key-that-must-not-be-built-in"
BENTOFILES = {"openvino": "bentofile.yaml"} | {
    path.suffixes[0].removeprefix("."): f"deploy/{path.name}"
    for path in sorted((ROOT / "deploy").glob("bentofile.*.yaml"))
}
PACKAGES = {"api", "auth", "networks", "ocr", "runners", "worker"}
SERVES = {path.name for path in ROOT.glob("*.py")} | PACKAGES
BESIDE = {"models", "pyproject.toml", "requirements", "LICENSE", "NOTICE", "README.md", "bentofile.yaml"}


def build(folder: Path, home: Path, target: str) -> Path:
    """Build a target's bento in a copy of the project that has a key in its .env; the folder of the bento."""
    copy_project(folder)
    (folder / ".env").write_text(f"API_AUTH_KEY={KEY}\n", "utf-8")
    command = [sys.executable, "-m", "bentoml", "build", "--bentofile", BENTOFILES[target], "."]
    subprocess.run(command, cwd=folder, env=environment(BENTOML_HOME=str(home), API_AUTH_KEY=KEY), check=True)
    (bento,) = (home / "bentos").glob("*/*/")
    return bento


def pins(requirements: Path) -> set[str]:
    """Every name with its version, and every hash."""
    return set(re.findall(r"^[\w.-]+==[\w.]+|sha256:\w+", requirements.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("target", BENTOFILES)
def test_a_bento_holds_what_serves_and_the_requirements_as_tested(target: str, tmp_path: Path) -> None:
    bento = build(tmp_path / "project", tmp_path / "home", target)
    assert {path.name for path in (bento / "src").iterdir()} == SERVES | BESIDE
    assert [path.name for path in (bento / "src" / "requirements").iterdir()] == [f"{target}.txt"]
    served, packed = (
        {
            path.relative_to(root)
            for name in PACKAGES
            for path in (root / name).rglob("*")
            if path.suffix in {".py", ".json"}
        }
        for root in (ROOT, bento / "src")
    )
    assert packed == served
    page = {"index.html", "page.css", "icon.svg", *api.page.SCRIPTS}
    assert {path.name for path in (bento / "src" / "api" / "page").iterdir()} == {"__init__.py", *page}
    assert (bento / "README.md").read_text("utf-8") == (ROOT / "README.md").read_text("utf-8")
    pinned = bento / "env" / "python" / "requirements.txt"
    assert pins(pinned) == pins(ROOT / "requirements" / f"{target}.txt")
    assert "://" not in pinned.read_text("utf-8")
    files = [path for path in bento.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY in path.read_text("utf-8", errors="replace")]


def test_a_bento_serves_from_any_folder(tmp_path: Path) -> None:
    home, elsewhere, log = tmp_path / "home", tmp_path / "elsewhere", tmp_path / "serve.log"
    bento = build(tmp_path / "project", home, "openvino")
    (tmp_path / "project").rename(tmp_path / "gone")
    elsewhere.mkdir()
    command = [sys.executable, "-m", "bentoml", "serve", f"{bento.parent.name}:{bento.name}"]
    told = {"BENTOML_HOME": str(home), "API_AUTH_KEY": KEY, "__BENTOML_DEBUG_USAGE": "True", "LOG_FORMAT": "json"}
    told["PYTHONWARNINGS"] = ""  # as people have it
    with started(command, elsewhere, log, **told) as (_, port):

        def read(photo: bytes) -> dict[str, Any]:
            url = f"http://127.0.0.1:{port}/ocr"
            answer = httpx.post(url, headers={"api-key": KEY}, files={"file": photo}, timeout=LONG_S).json()
            assert isinstance(answer, dict)
            return answer

        assert read((DATA / "strip.png").read_bytes())["result"]["texts"] == ["Exit"]
        assert "broken" in read(spoilt_tiff())["msg"]
        assert "<h1" in httpx.get(f"http://127.0.0.1:{port}/", timeout=LONG_S).text
    printed = log.read_text("utf-8")
    assert "Traceback" not in printed
    assert "Tracking Payload" not in printed  # what BentoML would report to its makers
    messages = [json.loads(line)["message"] for line in printed.splitlines()]  # nothing but JSON from the first line on
    assert any("not yet in table" in message for message in messages)  # also what libraries print


def spoilt_tiff() -> bytes:
    file = bytearray(encoded(Image.effect_noise((240, 160), 60).convert("RGB"), "TIFF", compression="tiff_lzw"))
    file[100:4000] = b"\xff" * 3900
    return bytes(file)
