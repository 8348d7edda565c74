"""What `make doctor` prints about a machine and its runners, and what it leaves out."""

from pathlib import Path

import pytest

import doctor
from ocr.types import Reading
from runners import nvidia, self_test
from runners.registry import RUNNERS, RunnerEntry
from tests.fakes.project import KEY
from tests.fakes.self_test import read_as_expected

CPU = """model name	: Intel(R) Celeron(R) J4125 CPU @ 2.00GHz
flags		: fpu vme sse sse2 ssse3 sse4_1 sse4_2 rdrand avx2 avx512_vnni
"""


@pytest.fixture
def runners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runners that can be loaded or not, instead of the real ones."""
    tried: dict[str, RunnerEntry] = {}
    monkeypatch.setattr(doctor, "RUNNERS", tried)
    for name, kind in [("openvino", "Colour"), ("onnx", "Unloadable"), ("cuda-onnx", "Crashing")]:
        entry = RunnerEntry(f"tests.fakes.runner:{kind}Runner", ("numpy",))
        monkeypatch.setitem(RUNNERS, name, entry)
        tried[name] = entry


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    doctor.main()
    lines = (line.partition(": ") for line in capsys.readouterr().out.splitlines())
    return {title: found for title, _, found in lines}


@pytest.mark.usefixtures("runners")
def test_every_runner_is_tried_and_what_it_reads_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys)
    assert found["openvino"].startswith("ppocrv6 on paint box, loaded in ")
    assert "self-test failed: expected the lines ['CORNER BOOKSHOP'," in found["openvino"]
    assert "seconds decode 0.250" in found["openvino"]
    assert found["onnx"] == "onnx cannot be loaded: no paint here"
    assert found["cuda-onnx"].startswith("cuda-onnx died while it was loading (code -")
    assert "numpy 2" in found["packages"]


@pytest.mark.usefixtures("runners")
def test_the_machine_is_described(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/cpuinfo": CPU,
        "/sys/fs/cgroup/memory.max": "2500000000\n",
        "/sys/fs/cgroup/cpu.max": "150000 100000",
    }
    monkeypatch.setattr(doctor, "read", lambda path: files.get(path, ""))
    monkeypatch.setattr(nvidia, "find_cards", lambda: [nvidia.Card("NVIDIA GeForce RTX 3060", (8, 6))])
    found = told(capsys)
    assert found["processor"].startswith("Intel(R) Celeron(R) J4125 CPU @ 2.00GHz, ")
    assert found["instruction sets"] == "sse4_1 sse4_2 avx2 avx512_vnni"
    assert found["cgroup limits"] == "memory.max 2500000000, cpu.max 150000 100000"
    assert found["cards"] == "NVIDIA GeForce RTX 3060 (8.6)"
    assert found["driver"] == "none"


def test_neither_key_nor_path_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "what nobody is to know"
    monkeypatch.setattr(doctor, "RUNNERS", {"onnx": RUNNERS["onnx"], "mmocr-onnx": RUNNERS["mmocr-onnx"]})
    monkeypatch.setenv("OCR_MODEL_DIR", str(folder))
    monkeypatch.setenv("MMOCR_DET_ONNX", str(tmp_path / "detector of mine.onnx"))
    found = told(capsys)
    assert "OCR_MODEL_DIR=<OCR_MODEL_DIR> has no det.onnx and rec.onnx" in found["onnx"]
    assert "there is no file <MMOCR_DET_ONNX>" in found["mmocr-onnx"]
    everything = "".join(found.values())
    assert "nobody" not in everything
    assert "mine" not in everything
    assert KEY not in everything
    assert str(tmp_path) not in everything


@pytest.mark.usefixtures("runners")
def test_a_wrong_setting_is_told_and_the_rest_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCR_PARALLEL", "many")
    found = told(capsys)
    assert found["settings"].startswith("change OCR_PARALLEL: it must be a valid integer")
    assert "paint box" in found["openvino"]


def test_a_runner_that_reads_right_is_told_so() -> None:
    expected = self_test.find_expected("openvino", "ppocrv6")
    assert expected
    lines = read_as_expected(expected)
    assert doctor.judge(Reading(lines), expected) == "self-test passed"
    assert doctor.judge(Reading(lines[:-1]), expected).startswith("self-test failed: expected the lines")
    assert "not known" in doctor.judge(Reading(lines), None)
