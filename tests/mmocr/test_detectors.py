"""MMOCR for real: its networks, its checkpoints, its post-processing; and the same exported."""

import json
import pickle
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
from runners.mmocr import DETECTOR, RECOGNIZER, torch_device
from runners.mmocr_export import export
from tests.fakes.checkpoints import ARC, BAR, CONFIGS, SIZE, loaded

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


def test_mmocrs_own_recognizer_reads_the_crops(files: dict[str, str], picture: bytes, tmp_path: Path) -> None:
    config, weights = tmp_path / "crnn.py", tmp_path / "crnn.pth"
    Config.fromfile(CONFIGS.parent / "textrecog/crnn/crnn_mini-vgg_5e_mj.py").dump(config)
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
        torch_device("gpu:63")
    assert torch_device("cpu") == "cpu"


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
    loaded_config = Config.fromfile(CONFIGS / "panet/panet_resnet18_fpem-ffm_600e_icdar2015.py")
    loaded_config.model.backbone.init_cfg = None
    loaded_config.dump(config)
    torch.save(DETECTOR(model=str(config), weights=None, device="cpu").model.state_dict(), weights)
    with pytest.raises(RunnerUnavailable, match="not PANPostprocessor"):
        export(config, weights, tmp_path / "panet.onnx")
