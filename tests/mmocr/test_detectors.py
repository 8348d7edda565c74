"""MMOCR for real: its networks, its checkpoints, its post-processing; and the same exported."""

import importlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from ase.wrapper import wrapperFini, wrapperInit, wrapperOnceExec
from ocr.errors import RunnerUnavailable
from ocr.types import Polygon, TextLine
from runners.base import Runner
from runners.mmocr import choose_device, find_own_config
from runners.mmocr_export import export
from runners.mmocr_imports import CONFIGS, DETECTOR, RECOGNIZER
from tests.fakes import checkpoints
from tests.fakes.checkpoints import ARC, BAR, SIZE, loaded
from tests.fakes.project import ROOT

ALIKE = 0.95  # of their union that two polygons share at least; MMOCR thins with scikit-image, we with our own code
SCORES = 0.02  # by which scores may differ for the same reason


def overlap(one: Polygon, other: Polygon) -> float:
    masks = [np.zeros(SIZE[::-1], np.uint8) for _ in range(2)]
    for mask, polygon in zip(masks, (one, other), strict=True):
        cv2.fillPoly(mask, [polygon.astype(np.int32)], 1)
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def read(runner: Runner, picture: bytes) -> list[TextLine]:
    lines = runner.read(picture).lines
    for line in lines:
        assert line.polygon.dtype == np.float32
        assert (line.polygon >= 0).all()
        assert (line.polygon <= SIZE).all()
        assert cv2.contourArea(line.polygon, oriented=True) > 0  # clockwise
    runner.close()
    return lines


def test_a_checkpoint_with_a_history_in_it_reads_what_the_picture_says(files: dict[str, str], picture: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        torch.load(files["det_weights"])
    texts = {line.text: line.polygon for line in read(loaded("mmocr", files), picture)}
    assert BAR in texts
    if "textsnake" in files["det_config"]:
        assert list(texts) == [ARC, BAR]
        assert len(texts[ARC]) > 100


@pytest.mark.parametrize(("recognizer", "least"), [("ppocr", 0.5), ("none", 0)])
def test_the_exported_detector_finds_the_same(
    files: dict[str, str], picture: bytes, recognizer: str, least: float
) -> None:
    wanted = files | {"recognizer": recognizer}
    theirs, ours = (read(loaded(runner, wanted, least), picture) for runner in ("mmocr", "mmocr-onnx"))
    assert theirs
    assert [line.text for line in ours] == [line.text for line in theirs]
    assert all((line.text == "") == (recognizer == "none") for line in ours)
    for our, their in zip(ours, theirs, strict=True):
        assert overlap(our.polygon, their.polygon) > ALIKE
        assert abs(our.score - their.score) < SCORES


def test_the_wrapper_finds_the_same(files: dict[str, str], picture: bytes) -> None:
    assert (
        wrapperInit({"engine": "mmocr", "threads": "2"} | {f"mmocr.{name}": path for name, path in files.items()}) == 0
    )
    answer: list[dict[str, bytes]] = []
    assert wrapperOnceExec("", {}, ({"key": "data", "data": picture},), answer, (), 0) == 0
    wrapperFini()
    found = json.loads(answer[0]["data"])["lines"]
    expected = read(loaded("mmocr", files), picture)
    assert [line["text"] for line in found] == [line.text for line in expected]
    for line, other in zip(found, expected, strict=True):
        assert np.allclose(line["polygon"], other.polygon, atol=0.01)


def outlines(body: bytes, form: str) -> list[tuple[list[float], float]]:
    """Polygons and scores in an answer."""
    answer = json.loads(body)
    if form == "mmocr":
        assert set(answer) == {"det_polygons", "det_scores"}
        return list(zip(answer["det_polygons"], answer["det_scores"], strict=True))
    ((name, found),) = answer[0].items()
    assert (len(answer), name) == (1, "boundary_result")
    return [(numbers[:-1], numbers[-1]) for numbers in found]


@pytest.mark.parametrize("form", ["mmocr", "mmocr-0.6"])
@pytest.mark.parametrize("engine", ["mmocr", "mmocr-onnx"])
def test_an_answer_in_mmocrs_form_has_the_numbers_of_its_inferencer(
    files: dict[str, str], picture: bytes, engine: str, form: str
) -> None:
    config = {"engine": engine, "format": form, "mmocr.recognizer": "none", "min_score": "0", "threads": "2"}
    assert wrapperInit(config | {f"mmocr.{name}": path for name, path in files.items()}) == 0
    answer: list[dict[str, bytes]] = []
    assert wrapperOnceExec("", {}, ({"key": "img", "data": picture},), answer, (), 0) == 0
    wrapperFini()
    ours = outlines(answer[0]["data"], form)
    inferencer = DETECTOR(model=files["det_config"], weights=None, device="cpu")
    inferencer.model.load_state_dict(torch.load(files["det_weights"], weights_only=False)["state_dict"])
    (theirs,) = inferencer(checkpoints.picture()[0], progress_bar=False)["predictions"]
    assert len(ours) == len(theirs["polygons"]) == len(theirs["scores"])
    for polygon, score in zip(theirs["polygons"], theirs["scores"], strict=True):
        their = np.clip(np.array(polygon, np.float32).reshape(-1, 2), 0, SIZE)  # MMOCR's may leave the picture
        our, our_score = max(ours, key=lambda one: overlap(np.array(one[0], np.float32).reshape(-1, 2), their))
        outline = np.array(our, np.float32).reshape(-1, 2)
        assert overlap(outline, their) > ALIKE
        assert abs(our_score - score) < (1e-6 if engine == "mmocr" else SCORES)
        assert (
            4 <= len(outline) <= (len(their) / 2 if len(their) > 100 else len(their))
        )  # TextSnake's have hundreds of points
        if engine == "mmocr":  # within a pixel of what MMOCR says
            assert max(abs(cv2.pointPolygonTest(outline, point.tolist(), measureDist=True)) for point in their) <= 1.01


def test_mmocrs_own_configs_are_known_by_their_names(files: dict[str, str], tmp_path: Path) -> None:
    name = "textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py"
    assert find_own_config(name) == CONFIGS / name
    assert find_own_config("textdet/dbnet") is find_own_config(None) is find_own_config(str(tmp_path)) is None
    torch.save(
        DETECTOR(model=str(CONFIGS / name), weights=None, device="cpu").model.state_dict(), tmp_path / "dbnet.pth"
    )
    loaded("mmocr", files | {"det_config": name, "det_weights": str(tmp_path / "dbnet.pth")}).close()


def test_a_config_without_those_that_it_inherits_from_says_what_to_name(files: dict[str, str], tmp_path: Path) -> None:
    lone = tmp_path / "textsnake.py"
    lone.write_text((CONFIGS / "textdet/textsnake/textsnake_resnet50_fpn-unet_1200e_ctw1500.py").read_text("utf-8"))
    with pytest.raises(RunnerUnavailable, match=r"inherits \(_base_\) from a file that is not there.*\.mim/configs"):
        loaded("mmocr", files | {"det_config": str(lone)})


def test_the_export_is_a_command(files: dict[str, str], tmp_path: Path) -> None:
    made = tmp_path / "made.onnx"
    command = [sys.executable, "-m", "runners.mmocr_export", files["det_config"], files["det_weights"], str(made)]
    subprocess.run(command, cwd=ROOT, check=True)
    assert made.stat().st_size == Path(files["det_onnx"]).stat().st_size
    command[-2] = str(tmp_path / "missing.pth")
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "missing.pth" in refused.stderr.splitlines()[-1]


def test_an_operator_that_mmcv_lite_lacks_says_what_to_install() -> None:
    extension = importlib.import_module("mmcv._ext")
    if extension.__spec__ and extension.__spec__.origin:
        pytest.skip("mmcv itself is installed")
    with pytest.raises(NotImplementedError, match=r"no operator deform_conv_forward: .* needs mmcv 2\.0\.1 itself"):
        extension.deform_conv_forward()


def test_mmocrs_own_recognizer_reads_the_crops(files: dict[str, str], picture: bytes, tmp_path: Path) -> None:
    config, weights = tmp_path / "crnn.py", tmp_path / "crnn.pth"
    Config.fromfile(CONFIGS / "textrecog/crnn/crnn_mini-vgg_5e_mj.py").dump(config)
    torch.manual_seed(1)
    torch.save(RECOGNIZER(model=str(config), weights=None, device="cpu").model.state_dict(), weights)
    wanted = files | {"recognizer": "mmocr", "rec_config": str(config), "rec_weights": str(weights)}
    runner = loaded("mmocr", wanted)
    assert read(runner, picture) == []  # of random weights: nothing that it is sure of
    with pytest.raises(RunnerUnavailable, match="needs OCR_RUNNER=mmocr"):
        loaded("mmocr-onnx", wanted)


@pytest.mark.parametrize("missing", ["det_config", "det_weights"])
def test_nothing_is_read_with_random_weights_or_fetched_by_name(files: dict[str, str], missing: str) -> None:
    others = {name: path for name, path in files.items() if name != missing}
    with pytest.raises(RunnerUnavailable, match=f"MMOCR_{missing.upper()} is not set"):
        loaded("mmocr", others)
    with pytest.raises(RunnerUnavailable, match="there is no file TextSnake"):
        loaded("mmocr", others | {missing: "TextSnake"})


def test_weights_of_another_network_are_refused(files: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"conv.weight": torch.zeros(3)}}, other)
    with pytest.raises(RunnerUnavailable, match=r"other.pth does not hold the weights of"):
        loaded("mmocr", files | {"det_weights": str(other)})
    other.write_bytes(b"no checkpoint")
    with pytest.raises(RunnerUnavailable, match=r"other.pth is no checkpoint"):
        loaded("mmocr", files | {"det_weights": str(other)})


@pytest.mark.parametrize("files", ["textsnake"], indirect=True)
@pytest.mark.parametrize("runner", ["mmocr", "mmocr-onnx"])
def test_lines_without_a_radius_are_none_and_take_no_time_without_end(
    files: dict[str, str], picture: bytes, tmp_path: Path, runner: str
) -> None:
    state = torch.load(files["det_weights"], weights_only=False)["state_dict"]
    state["det_head.out_conv.bias"][4] = 1e-6
    weights, exported = tmp_path / "thin.pth", tmp_path / "thin.onnx"
    torch.save(state, weights)
    export(Path(files["det_config"]), weights, exported)
    thin = files | {"det_weights": str(weights), "det_onnx": str(exported), "recognizer": "none"}
    assert read(loaded(runner, thin), picture) == []


def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(RunnerUnavailable, match=r"OCR_DEVICE=gpu:63: PyTorch .* sees \d+ GPUs"):
        choose_device("gpu:63")
    assert choose_device("cpu") == "cpu"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (Path("evil"),)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_code_of_a_checkpoint_is_run(files: dict[str, str], tmp_path: Path, zipped: bool) -> None:
    to, weights = tmp_path / "evil.pth", torch.load(files["det_weights"], weights_only=False)
    torch.save(weights | {"meta": Evil()}, to, _use_new_zipfile_serialization=zipped)
    loaded("mmocr", files | {"det_weights": str(to)}).close()
    assert not Path("evil").exists()
    torch.load(to, weights_only=False)
    assert Path("evil").exists()  # PyTorch's own way would have


def test_a_detector_of_another_kind_is_not_exported(tmp_path: Path) -> None:
    config, weights = tmp_path / "panet.py", tmp_path / "panet.pth"
    loaded_config = Config.fromfile(CONFIGS / "textdet/panet/panet_resnet18_fpem-ffm_600e_icdar2015.py")
    loaded_config.model.backbone.init_cfg = None
    loaded_config.dump(config)
    torch.save(DETECTOR(model=str(config), weights=None, device="cpu").model.state_dict(), weights)
    with pytest.raises(RunnerUnavailable, match="not PANPostprocessor"):
        export(config, weights, tmp_path / "panet.onnx")
