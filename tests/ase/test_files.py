"""What AIservice and xtest are told fits what wrapper.py does, and the image has all that it needs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import ase.wrapper
from ase.host import INPUT, settings_in
from settings import Settings
from tests.fakes.project import DATA, ROOT

FOLDER = ROOT / "ase"


def loaded(name: str, *, examples: bool = False) -> dict[str, dict[str, object]]:
    text = (FOLDER / name).read_text("utf-8")
    return tomllib.loads(re.sub(r'^# (?="[\w.]+" = )', "", text, flags=re.MULTILINE) if examples else text)


def test_the_section_of_the_wrapper_is_understood_with_all_its_examples() -> None:
    section = loaded("aiges.toml", examples=True)["wrapper"]
    assert len(section) == 10
    assert all(isinstance(value, str) for value in section.values())
    given = {key: str(value) for key, value in section.items()}
    settings = settings_in(given)
    assert len(settings) == len(section)
    assert Settings(**settings).ocr_device == "gpu:0"


def test_the_loader_waits_for_the_answer() -> None:
    aiges = loaded("aiges.toml")["aiges"]
    assert aiges["sessMode"] is aiges["asyncMode"] is False


def test_xtest_sends_and_expects_what_the_wrapper_takes_and_gives() -> None:
    xtest, schema = loaded("xtest.toml"), json.loads(ase.wrapper.Wrapper().schema())["meta"]
    sent, expected = (xtest[str(xtest["data"][what])] for what in ("payload", "expect"))
    assert (sent["name"], sent["type"]) == (INPUT, schema["ocr"]["input"][INPUT]["dataType"])
    output = ase.wrapper.OUTPUT
    assert (expected["name"], expected["type"]) == (output, schema["ocr"]["accept"][output]["dataType"])
    assert xtest["svcMode"]["svcId"] == schema["serviceId"]
    assert xtest["svcMode"]["sessMode"] == 0
    assert all(isinstance(value, str) for value in xtest["parameter"].values())


def test_the_image_holds_all_that_is_needed(tmp_path: Path) -> None:
    lines = re.findall(r"^COPY (.+) (/opt/\S+)$", (FOLDER / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert lines
    for sources, to in lines:
        for source in sources.split():
            target = tmp_path / to.removeprefix("/") / ("" if source.endswith("/") else Path(source).name)
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.endswith("/") else shutil.copy)(ROOT / source, target)
    program = f"""
import sys
sys.modules |= dict.fromkeys(["bentoml", "starlette", "prometheus_client"])
import wrapper
assert wrapper.wrapperInit({{"engine": "onnx", "threads": "1"}}) == 0
answer = []
photo = {{"key": "data", "data": open({str(DATA / "strip.png")!r}, "rb").read()}}
assert wrapper.wrapperOnceExec("", {{}}, (photo,), answer, (), 0) == 0
assert b"Exit" in answer[0]["data"], answer
"""
    home = tmp_path / "opt" / "mtphotos-ocr"
    path = os.pathsep.join([str(home / "ase"), str(home)])
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, check=True)


def test_the_image_gets_what_its_readers_import_and_no_http() -> None:
    pinned = {
        line.split("==")[0] for line in (ROOT / "requirements/ase.txt").read_text("utf-8").splitlines() if "==" in line
    }
    assert {"numpy", "opencv-python-headless", "openvino", "onnxruntime", "rapidocr", "pydantic-settings"} <= pinned
    assert not {"bentoml", "starlette", "uvicorn", "torch"} & pinned
