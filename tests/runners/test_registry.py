"""Which runners are tried."""

from dataclasses import replace
from pathlib import Path

import pytest

from ocr import model_files
from ocr.errors import RunnerUnavailable
from ocr.types import Limits
from runners import nvidia, registry
from runners.base import Options
from runners.registry import RUNNERS, RunnerEntry


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """All packages are installed, and there is a card; no model was fetched."""
    monkeypatch.setattr(registry, "_has_package", lambda package: package != "not-installed")
    monkeypatch.setattr(model_files, "FETCHED", Path("/nowhere"))
    monkeypatch.setattr(nvidia, "has_driver", lambda: True)


def candidates(setting: str, model: str = "auto", device: str | None = None, folder: Path | None = None) -> list[str]:
    found = registry.find_candidates(setting, Options(model, 1, Limits(2000, 10**6, 0), folder, device=device))
    return [name for name in found if not RUNNERS[name].class_path.startswith("tests.")]


def test_auto_prefers_cards_then_openvino() -> None:
    assert candidates("auto") == ["cuda", "cuda-onnx", "openvino", "onnx"]
    assert candidates("onnx") == ["onnx"]


def test_auto_takes_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNNERS, "openvino", RunnerEntry(RUNNERS["openvino"].class_path, ["not-installed"]))
    assert "openvino" not in candidates("auto")
    with pytest.raises(RunnerUnavailable, match=r"OCR_RUNNER=openvino needs the package not-installed: make setup"):
        candidates("openvino")


def test_auto_names_what_is_installed_unless_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "has_driver", lambda: False)
    monkeypatch.setattr(registry, "_has_package", lambda package: package == "paddlepaddle-gpu")
    with pytest.raises(RunnerUnavailable) as raised:
        registry.find_candidates("auto", Options("auto", 1, Limits(2000, 10**6, 0)))
    assert str(raised.value).count("OCR_RUNNER=") == 1
    monkeypatch.setattr(registry, "_has_package", lambda _: False)
    with pytest.raises(RunnerUnavailable, match=r"OCR_RUNNER=openvino needs the package openvino: make setup"):
        registry.find_candidates("auto", Options("auto", 1, Limits(2000, 10**6, 0)))


def test_no_runner_for_cards_is_tried_where_there_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "has_driver", lambda: False)
    assert candidates("auto") == ["openvino", "onnx"]
    with pytest.raises(
        RunnerUnavailable, match=r"OCR_RUNNER=cuda finds no NVIDIA driver: .*--gpus all.*OCR_DEVICE=cpu"
    ):
        candidates("cuda")
    assert candidates("cuda", device="cpu") == ["cuda"]


def test_mmocr_is_taken_only_when_asked_for_and_does_without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "has_driver", lambda: False)
    assert candidates("mmocr") == candidates("mmocr", device="gpu:1") == ["mmocr"]
    with pytest.raises(RunnerUnavailable, match=r"OCR_RUNNER=mmocr-onnx cannot use OCR_DEVICE=gpu"):
        candidates("mmocr-onnx", device="gpu")


def test_auto_keeps_to_the_device() -> None:
    assert candidates("auto", device="cpu") == ["openvino", "onnx"]
    assert candidates("auto", device="gpu:1") == ["cuda", "cuda-onnx"]
    with pytest.raises(RunnerUnavailable, match=r"OCR_RUNNER=onnx cannot use OCR_DEVICE=gpu: it reads on the CPU"):
        candidates("onnx", device="gpu")


def test_a_runner_without_the_model_is_not_tried(tmp_path: Path) -> None:
    assert candidates("auto", "ppocrv6") == ["cuda-onnx", "openvino", "onnx"]
    assert candidates("auto", "ppocrv4") == ["cuda", "openvino", "onnx"]
    with pytest.raises(RunnerUnavailable, match=r"OCR_RUNNER=cuda has no OCR_MODEL=ppocrv6: it has ppocrv4, "):
        candidates("cuda", "ppocrv6")
    assert candidates("cuda", "ppocrv6", folder=tmp_path) == ["cuda"]


def test_a_model_that_was_not_fetched_is_refused_with_what_fetches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(RunnerUnavailable, match=r"OCR_RUNNER=onnx cannot read: .*: make models MODEL=korean$"):
        candidates("onnx", "korean")
    with pytest.raises(RunnerUnavailable, match=r"OCR_RUNNER=cuda cannot read: .* MODEL=korean TARGET=cuda$"):
        candidates("cuda", "korean")
    monkeypatch.setattr(model_files, "FETCHED", tmp_path)
    (tmp_path / "korean").mkdir()
    (tmp_path / "korean" / "rec.onnx").touch()
    assert candidates("auto", "korean", device="cpu") == ["openvino", "onnx"]
    assert candidates("auto", "korean") == ["cuda-onnx", "openvino", "onnx"]


def test_what_is_read_is_known_of_our_models_alone(tmp_path: Path) -> None:
    options = Options("korean", 1, Limits(2000, 10**6, 0))
    assert RUNNERS["openvino"].list_languages(options) == ["Korean", "English"]
    assert RUNNERS["cuda"].list_languages(replace(options, model="auto")) == ["Chinese", "English"]
    assert RUNNERS["openvino"].list_languages(replace(options, model_dir=tmp_path)) == []
    assert RUNNERS["mmocr-onnx"].list_languages(replace(options, mmocr={"recognizer": "none"})) == []


@pytest.mark.parametrize(
    ("flags", "advised"), [("flags : sse4_2 avx2", True), ("flags : avx2 avx_vnni", False), ("Features : asimd", False)]
)
def test_a_lighter_model_is_advised_where_the_processor_is_slow_with_the_default_one(
    flags: str, advised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("networks.processor.CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n", "utf-8")
    options = Options("auto", 1, Limits(2000, 10**6, 0))
    assert [bool(RUNNERS[name].advise(options)) for name in ("openvino", "onnx")] == [advised] * 2
    assert not any(RUNNERS[name].advise(options) for name in ("cuda", "cuda-onnx", "mmocr-onnx"))
    for other in (replace(options, model="ppocrv6-tiny"), replace(options, model_dir=tmp_path)):
        assert RUNNERS["openvino"].advise(other) == ""


def test_a_detector_of_mmocr_is_named_beside_the_model() -> None:
    mmocr = {"det_onnx": "/models/textsnake.onnx", "det_config": "/models/dbnet.py", "recognizer": "ppocr"}
    options = Options("auto", 1, Limits(2000, 10**6, 0), mmocr=mmocr)
    assert RUNNERS["mmocr-onnx"].describe_model(options) == "textsnake + ppocrv6"
    assert RUNNERS["openvino"].describe_model(options) == "ppocrv6"
    alone = replace(options, mmocr=mmocr | {"recognizer": "none"})
    assert RUNNERS["mmocr"].describe_model(alone) == "dbnet"


def test_the_best_model_of_a_runner_is_taken_unless_the_options_name_another(tmp_path: Path) -> None:
    limits = Limits(2000, 10**6, 0)
    named = {
        name: RUNNERS[name].choose_model(Options("auto", 1, limits))
        for name in ("cuda", "cuda-onnx", "openvino", "onnx")
    }
    assert named == {"cuda": "ppocrv4", "cuda-onnx": "ppocrv6", "openvino": "ppocrv6", "onnx": "ppocrv6"}
    assert RUNNERS["openvino"].choose_model(Options("ppocrv4", 1, limits)) == "ppocrv4"
    assert RUNNERS["openvino"].choose_model(Options("auto", 1, limits, tmp_path / "mine")) == "mine"
