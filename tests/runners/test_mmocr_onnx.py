"""The runner of a detector that was exported from MMOCR, without MMOCR."""

import io

import pytest
from PIL import Image

import settings
from ocr.errors import RunnerUnavailable
from ocr.model_files import locate
from ocr.types import Limits
from options import make_options
from runners.base import Options, Runner
from runners.registry import RUNNERS, make
from tests.fakes.project import DATA, PICTURES
from tests.fakes.readers import with_client
from worker.client import WorkerClient

DETECTOR = str(DATA / "detector.onnx")


def loaded(**mmocr: str) -> Runner:
    limits = Limits(max_side=2000, max_pixels=10**7, min_score=0.5)
    runner = make(RUNNERS["mmocr-onnx"].class_path, Options("ppocrv6", 1, limits, mmocr=mmocr))
    runner.load()
    return runner


@pytest.mark.parametrize("name", ["strip.png", "receipt.png", "accents.png"])
def test_an_exported_detector_reads_photos(name: str) -> None:
    lines = loaded(det_onnx=DETECTOR).read((DATA / name).read_bytes()).lines
    assert [line.text for line in lines] == PICTURES[name]


def test_without_a_recognizer_there_are_polygons_alone() -> None:
    lines = loaded(det_onnx=DETECTOR, recognizer="none").read((DATA / "receipt.png").read_bytes()).lines
    assert len(lines) == len(PICTURES["receipt.png"])
    assert {line.text for line in lines} == {""}
    assert all(0.5 <= line.score <= 1 and line.polygon.shape == (4, 2) for line in lines)


def test_polygons_stay_inside_the_photo() -> None:
    file = io.BytesIO()
    Image.new("L", (200, 40), 0).save(file, "PNG")
    for line in loaded(det_onnx=DETECTOR, recognizer="none").read(file.getvalue()).lines:
        assert (line.polygon >= 0).all()
        assert (line.polygon <= (200, 40)).all()


@pytest.mark.parametrize(
    ("mmocr", "message"),
    [
        ({}, "MMOCR_DET_ONNX is not set"),
        ({"det_onnx": "/nowhere.onnx"}, "there is no file /nowhere.onnx"),
        ({"det_onnx": DETECTOR, "recognizer": "mmocr"}, "needs OCR_RUNNER=mmocr"),
    ],
)
def test_what_is_missing_is_named(mmocr: dict[str, str], message: str) -> None:
    with pytest.raises(RunnerUnavailable, match=message):
        loaded(**mmocr)


def test_another_onnx_file_is_refused() -> None:
    with pytest.raises(RunnerUnavailable, match=r"no file that python -m runners.mmocr_export made"):
        loaded(det_onnx=str(locate("ppocrv6").detector))


def test_it_reads_in_the_child_process_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMOCR_DET_ONNX", DETECTOR)
    monkeypatch.setenv("OCR_DEVICE", "cpu")
    made_with = make_options(settings.load())
    assert made_with.device == "cpu"
    assert made_with.mmocr == {"det_onnx": DETECTOR, "recognizer": "ppocr"}

    async def use(client: WorkerClient) -> None:
        (line,) = (await client.read((DATA / "strip.png").read_bytes())).lines
        assert (line.text, line.polygon.shape) == ("Exit", (4, 2))

    with_client(made_with, use, "mmocr-onnx")
