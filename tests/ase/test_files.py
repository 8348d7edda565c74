"""The files for AIservice and xtest fit wrapper.py, and the image has all that it needs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ase.wrapper
from ase.host import FOREIGN_KEYS, INPUT_KEY, choose_format, parse_settings
from settings import Settings
from tests.fakes.project import DATA, ROOT

FOLDER = ROOT / "ase"


def loaded(name: str, *, examples: bool = False) -> dict[str, dict[str, object]]:
    text = (FOLDER / name).read_text("utf-8")
    return tomllib.loads(re.sub(r'^# (?="[\w.]+" = )', "", text, flags=re.MULTILINE) if examples else text)


def test_the_section_of_the_wrapper_is_understood_with_all_its_examples(caplog: pytest.LogCaptureFixture) -> None:
    section = loaded("aiges.toml", examples=True)["wrapper"]
    assert all(isinstance(value, str) for value in section.values())
    given = {key: str(value) for key, value in section.items()}
    settings = parse_settings(given)
    assert len(settings) == len(section) - len(FOREIGN_KEYS)
    assert "not settings of the reader" not in caplog.text
    assert Settings(**settings).ocr_device == "gpu:0"
    assert choose_format(given)([]) == {"lines": []}


def test_aiservice_accepts_photos_as_large_as_the_reader_does_and_many_clients() -> None:
    aiges = loaded("aiges.toml")
    assert aiges["aiges"]["sessMode"] is aiges["aiges"]["asyncMode"] is False
    assert int(str(aiges["ocr"]["maxreceive"])) * 2**20 >= Settings(api_auth_key="key").ocr_max_upload_mb * 10**6
    assert aiges["fc"]["max"] == aiges["fc"]["best"] == 16
    assert str(aiges["wrapper"]["http_listen"]).endswith(":1888")


def test_xtest_sends_and_expects_what_the_wrapper_does() -> None:
    xtest, schema = loaded("xtest.toml"), json.loads(ase.wrapper.Wrapper().schema())["meta"]
    sent, expected = (xtest[str(xtest["data"][what])] for what in ("payload", "expect"))
    assert (sent["name"], sent["type"]) == (INPUT_KEY, schema["ocr"]["input"][INPUT_KEY]["dataType"])
    output = ase.wrapper.OUTPUT_KEY
    assert (expected["name"], expected["type"]) == (output, schema["ocr"]["accept"][output]["dataType"])
    assert xtest["svcMode"]["svcId"] == schema["serviceId"]
    assert xtest["svcMode"]["sessMode"] == 0
    assert all(isinstance(value, str) for value in loaded("xtest.toml", examples=True)["parameter"].values())


def stage(name: str) -> str:
    """The instructions of one stage of the Dockerfile, on one line each."""
    text = (FOLDER / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    return re.split(r"^FROM .*\n", text.split(f" AS {name}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def lay_out(instructions: str, root: Path) -> None:
    """Copy and link what a stage copies and links, below a folder."""
    copies = re.findall(r"^COPY (?!--from)([\w./ ]+) (/\S+)$", instructions, re.MULTILINE)
    assert copies
    for sources, to in copies:
        for source in sources.split():
            target = root / to.removeprefix("/") / ("" if source.endswith("/") else Path(source).name)
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.endswith("/") else shutil.copy)(ROOT / source, target)
    for target, link in re.findall(r"ln -sf (\S+) (\S+)$", instructions, re.MULTILINE):
        (root / link.removeprefix("/")).symlink_to(root / target.removeprefix("/"))


READS = f"""
import sys
sys.modules |= dict.fromkeys(["bentoml", "starlette", "prometheus_client"])
import wrapper
assert wrapper.wrapperInit({{"engine": "onnx", "threads": "1"}}) == 0
answer = []
photo = {{"key": "data", "data": open({str(DATA / "strip.png")!r}, "rb").read()}}
assert wrapper.wrapperOnceExec("", {{}}, (photo,), answer, (), 0) == 0
assert b"Exit" in answer[0]["data"], answer
"""


def test_the_image_holds_all_that_reading_needs(tmp_path: Path) -> None:
    instructions = stage("reader")
    lay_out(instructions, tmp_path)
    home = tmp_path / "home" / "aiges"
    environment = dict(re.findall(r"^ENV (\w+)=([^:$\n]+)", instructions, re.MULTILINE))
    assert environment == {"PYTHONPATH": "/home/aiges", "LD_LIBRARY_PATH": "/home/wrapper/wrapper_lib"}
    subprocess.run([sys.executable, "-c", READS], cwd="/", env=os.environ | {"PYTHONPATH": str(home)}, check=True)


def test_an_isolated_interpreter_finds_the_wrapper_in_the_working_directory(tmp_path: Path) -> None:
    lay_out(stage("reader"), tmp_path)
    program = "import sys; sys.path.insert(0, '')\n" + READS
    subprocess.run([sys.executable, "-I", "-c", program], cwd=tmp_path / "home" / "aiges", check=True)


def test_the_image_with_a_detector_of_mmocr_reads_with_it(tmp_path: Path) -> None:
    (command,) = re.findall(r"^RUN (sed .*)$", stage("mmocr"), re.MULTILINE)
    shutil.copy(FOLDER / "aiges.toml", tmp_path)
    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True)
    section = tomllib.loads((tmp_path / "aiges.toml").read_text("utf-8"))["wrapper"]
    assert parse_settings(section) == {
        "ocr_runner": "mmocr-onnx",
        "mmocr_det_onnx": "/models/detector.onnx",
        "mmocr_recognizer": "none",
        "ocr_min_score": "0",
    }
    assert "/models/detector.onnx" in stage("export")


def test_the_image_gets_what_its_readers_import_and_no_http() -> None:
    pinned = {
        line.split("==")[0] for line in (ROOT / "requirements/ase.txt").read_text("utf-8").splitlines() if "==" in line
    }
    assert {"numpy", "opencv-python-headless", "openvino", "onnxruntime", "rapidocr", "pydantic-settings"} <= pinned
    assert not {"bentoml", "starlette", "uvicorn", "torch"} & pinned
