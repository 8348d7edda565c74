"""A runner says which optimisations its networks really have."""

import shutil
from pathlib import Path

import onnx
import pytest

from networks import processor
from ocr.model_files import locate
from ocr.types import Limits
from runners.base import Options
from runners.registry import RUNNERS, make
from tests.fakes.project import DATA

ANY_RECOGNIZER = {"space prior"}
KNOWN_RECOGNIZER = {
    "openvino": {"int8", "packed lines", "blank skipping"},
    "onnx": {"unpadded lines", "blank skipping"},
    "mmocr-onnx": {"int8", "unpadded lines", "blank skipping"},
}
ANY_DETECTOR = {"ppocrv6": {"pruned channels", "quarter-size head"}, "ppocrv4": {"quarter-size head"}}


def optimisations(runner: str, model: str, folder: Path | None = None, **mmocr: str) -> set[str]:
    """Of a runner."""
    options = Options(model, 2, Limits(2000, 10**7, 0.5), folder, mmocr=mmocr)
    loaded = make(RUNNERS[runner].class_path, options)
    assert loaded.optimisations == ()
    loaded.load()
    assert len(set(loaded.optimisations)) == len(loaded.optimisations)
    return {*loaded.optimisations}


@pytest.fixture(autouse=True)
def _x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert processor.is_faster_in_int8()


@pytest.mark.parametrize("runner", ["openvino", "onnx"])
@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_known_models_have_all_that_the_engine_can(runner: str, model: str) -> None:
    detector = {"early exit"} | ANY_DETECTOR["ppocrv6"]  # the one of the coarse pass
    pairs = {"int8"} if model == "ppocrv6" else set[str]()  # ONNX Runtime needs them, and PP-OCRv4 has none
    assert optimisations(runner, model) == ANY_RECOGNIZER | KNOWN_RECOGNIZER[runner] | detector | pairs


@pytest.mark.parametrize("runner", ["openvino", "onnx"])
@pytest.mark.parametrize("model", ["ppocrv6", "ppocrv4"])
def test_an_unknown_model_has_only_what_any_file_can_have(runner: str, model: str, tmp_path: Path) -> None:
    files = locate(model)
    for source, name in (files.detector, "det.onnx"), (files.recognizer, "rec.onnx"):
        changed = onnx.load(source)
        changed.producer_name = "somebody"
        onnx.save(changed, tmp_path / name)
    assert optimisations(runner, model, tmp_path) == ANY_RECOGNIZER | ANY_DETECTOR[model]


def test_a_copy_of_a_known_model_is_known(tmp_path: Path) -> None:
    files = locate("ppocrv4")
    shutil.copy(files.detector, tmp_path / "det.onnx")
    shutil.copy(files.recognizer, tmp_path / "rec.onnx")
    assert (
        optimisations("onnx", "mine", tmp_path) == ANY_RECOGNIZER | KNOWN_RECOGNIZER["onnx"] | ANY_DETECTOR["ppocrv4"]
    )


def test_there_is_no_int8_where_it_is_not_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert "int8" not in optimisations("openvino", "ppocrv6")


def test_without_a_recognizer_of_ours_there_are_none() -> None:
    detector = str(DATA / "detector.onnx")
    expected = ANY_RECOGNIZER | KNOWN_RECOGNIZER["mmocr-onnx"]
    assert optimisations("mmocr-onnx", "ppocrv6", det_onnx=detector) == expected
    assert optimisations("mmocr-onnx", "ppocrv6", det_onnx=detector, recognizer="none") == set()
