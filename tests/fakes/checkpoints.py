"""Detectors that find the lines of one picture: random networks of MMOCR, whose last layer is fitted to it."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from numpy.typing import NDArray

from ocr.types import Limits
from runners.base import Options, Runner
from runners.mmocr_imports import CONFIGS, DETECTOR
from runners.registry import RUNNERS, make

NAMES = {
    "textsnake": "textsnake_resnet50_fpn-unet_1200e_ctw1500.py",
    "dbnet": "dbnet_resnet18_fpnc_1200e_icdar2015.py",
}
SIZE = (512, 384)  # width and height of the picture
ARC, BAR = "LONG CURVED LINE", "STRAIGHT"
HEIGHT = 44  # pixels, of both lines


def picture() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A dark picture with text on an arc and on a bar, both light; and where these are."""
    angles = np.radians(np.linspace(205, 335, 400))
    ground = np.zeros(SIZE[::-1], np.uint8)
    for x, y in zip(256 + 210 * np.cos(angles), 260 + 210 * np.sin(angles), strict=True):
        cv2.circle(ground, (int(x), int(y)), HEIGHT // 2, 1, -1)
    cv2.rectangle(ground, (150, 310), (380, 310 + HEIGHT), 1, -1)
    pixels = np.where(ground[..., np.newaxis] == 1, np.uint8(240), np.uint8(40)).repeat(3, axis=2)
    for index, letter in enumerate(ARC):
        angle = 215 + 110 * (index + 0.5) / len(ARC)
        x, y = 256 + 210 * np.cos(np.radians(angle)), 260 + 210 * np.sin(np.radians(angle))
        _write(pixels, letter, (x, y), 270 - angle)
    for index, letter in enumerate(BAR):
        _write(pixels, letter, (175 + 26 * index, 332), 0)
    return pixels, ground == 1


def _write(pixels: NDArray[np.uint8], letter: str, at: tuple[float, float], angle: float) -> None:
    """Draw a letter, its middle at a place, turned by so many degrees."""
    (width, height), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
    ink = np.zeros(pixels.shape[:2], np.uint8)
    start = int(at[0] - width / 2), int(at[1] + height / 2)
    cv2.putText(ink, letter, start, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2, cv2.LINE_AA)
    turned = cv2.warpAffine(ink, cv2.getRotationMatrix2D(at, angle, 1), SIZE)
    pixels[:] = np.where(
        turned[..., np.newaxis] > 0, (pixels * (1 - turned[..., np.newaxis] / 255)).astype(np.uint8), pixels
    )


def config(kind: str, folder: Path) -> Path:
    """A small one of MMOCR's own: a ResNet of 18 layers, and pictures no larger than ours."""
    loaded = Config.fromfile(CONFIGS / "textdet" / kind / NAMES[kind])
    for step in loaded.test_dataloader.dataset.pipeline:
        if step.type == "Resize":
            step.scale = SIZE
    loaded.model.backbone.update(depth=18, init_cfg=None)
    loaded.model.neck.in_channels = [64, 128, 256, 512]
    path = folder / f"{kind}.py"
    loaded.dump(path)
    return path


def fitted(kind: str, path: Path) -> Any:
    """A network of that config that finds the lines of the picture."""
    pixels, ground = picture()
    torch.manual_seed(0)
    inferencer = DETECTOR(model=str(path), weights=None, device="cpu")
    model = inferencer.model
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # of random weights: its statistics keep the signal alive
            layer.train()
            layer.momentum = 1.0
    inferencer(pixels, progress_bar=False)
    model.eval()
    last = model.det_head.out_conv if kind == "textsnake" else model.det_head.binarize[-1]
    features: list[torch.Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, given: features.append(given[0][0]))
    inferencer(pixels, progress_bar=False)
    hook.remove()
    (_fit_snake if kind == "textsnake" else _fit_binarization)(last, features[0], ground)
    return model


@torch.no_grad()  # type: ignore[untyped-decorator]
def _fit_snake(last: torch.nn.Conv2d, features: torch.Tensor, ground: NDArray[np.bool_]) -> None:
    weight, logits = _regression(features, ground)
    for channel, share in enumerate((1.0, 0.7)):  # of the text's pixels: the centre is where it is surest
        last.weight[channel, :, 0, 0] = weight
        last.bias[channel] = -np.quantile(logits, 1 - share * ground.mean())
    last.weight[2:] = 0
    last.bias[2:] = torch.tensor([0.0, 1.0, HEIGHT / 2 - 6])  # sine, cosine, radius


@torch.no_grad()  # type: ignore[untyped-decorator]
def _fit_binarization(last: torch.nn.ConvTranspose2d, features: torch.Tensor, ground: NDArray[np.bool_]) -> None:
    half = cv2.resize(ground.astype(np.uint8), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) > 0
    weight, logits = _regression(features, half)
    last.weight[:] = weight[:, None, None, None]
    last.bias[:] = -np.quantile(logits, 1 - half.mean())


def _regression(features: torch.Tensor, ground: NDArray[np.bool_]) -> tuple[torch.Tensor, NDArray[np.float64]]:
    """Weights that tell text from features (C, H, W), by least squares, and what they make of each pixel."""
    values = features.flatten(1).T.double().numpy()
    target = np.where(ground.ravel(), 6.0, -6.0)
    solution = np.linalg.lstsq(np.column_stack([values, np.ones(len(values))]), target, rcond=None)[0][:-1]
    logits = values @ solution
    scale = 6 / logits.std()
    return torch.tensor(solution * scale).float(), logits * scale


def saved(kind: str, folder: Path) -> tuple[Path, Path]:
    """A config and a checkpoint as MMEngine saved them before PyTorch 2.6: with the history of the training in it."""
    path, to = config(kind, folder), folder / f"{kind}.pth"
    history = {"train/loss": HistoryBuffer([0.5, 0.25], [1, 1])}
    torch.save({"state_dict": fitted(kind, path).state_dict(), "message_hub": history, "meta": {"epoch": 1}}, to)
    return path, to


def loaded(runner: str, mmocr: dict[str, str], min_score: float = 0.5) -> Runner:
    """A runner by its name, loaded."""
    limits = Limits(max_side=2000, max_pixels=10**7, min_score=min_score)
    made = make(RUNNERS[runner].class_path, Options("ppocrv6", 2, limits, mmocr=mmocr))
    made.load()
    return made
