"""Recognizers for which nothing was fitted, on both engines."""

import os
from pathlib import Path

import pytest

from ocr import model_files
from ocr.errors import RunnerUnavailable
from ocr.types import Limits
from runners.base import Options
from runners.registry import RUNNERS, make
from tests.fakes.project import DATA
from tests.fakes.recognizer import write_ink_and_paper

ENGINES = pytest.mark.parametrize("runner", ["openvino", "onnx"])


def read(runner: str, folder: Path) -> list[str]:
    loaded = make(RUNNERS[runner].class_path, Options("own", 2, Limits(2000, 10**8, 0.5), folder))
    loaded.load()
    return [line.text for line in loaded.read((DATA / "strip.png").read_bytes()).lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    os.link(model_files.locate("ppocrv6").detector, tmp_path / "det.onnx")
    return tmp_path


@ENGINES
def test_the_characters_are_in_the_file_or_beside_it(runner: str, folder: Path) -> None:
    write_ink_and_paper(folder / "rec.onnx", "д", "л")
    (text,) = read(runner, folder)
    assert set(text) == {"д", "л"}
    write_ink_and_paper(folder / "rec.onnx", "д", "л", metadata=False)
    (folder / "characters.txt").write_text("Д\r\nЛ\r\n", "utf-8", newline="")
    assert read(runner, folder) == [text.upper()]


@ENGINES
def test_a_recognizer_without_characters_is_refused(runner: str, folder: Path) -> None:
    write_ink_and_paper(folder / "rec.onnx", "д", "л", metadata=False)
    with pytest.raises(RunnerUnavailable, match=r"rec\.onnx has no characters: .*characters\.txt"):
        read(runner, folder)


@ENGINES
def test_arabic_letters_come_in_the_order_of_speech(runner: str, folder: Path) -> None:
    write_ink_and_paper(folder / "rec.onnx", "д", "л")
    (standing,) = read(runner, folder)
    write_ink_and_paper(folder / "rec.onnx", "ب", "س")
    (spoken,) = read(runner, folder)
    assert spoken == standing[::-1].replace("д", "ب").replace("л", "س") != standing
