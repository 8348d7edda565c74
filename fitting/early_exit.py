"""The plane of networks/fitted/early_exit.json: fitted on photos with text, without, and these with a short text."""

import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from benchmarks import photos, screens
from fitting import logistic
from fitting.networks import compiled, rounded
from networks import detectors, early_exit
from networks.graph import read
from ocr.decoding import decode
from ocr.detector import MEAN_PROBABILITY, STRIDE, TEXT_PROBABILITY
from ocr.types import Pixels, planes

MODEL = "ppocrv6"
CONVOLUTIONS = "Conv.54", "Conv.57", "Conv.60", "Conv.63"
"""Those of its detector that take the backbone's maps, coarsest first; the finest map has no part in the plane."""

CELL = 8  # pixels of the detector's input: a place of the finest map that has
COARSE_SIDE_PX = 800
SIZES = 1, 0.7, 0.5, 0.35, 0.25, 0.18  # of the coarse pass, in which photos with text are fitted
SHORT_TEXTS = 30  # for each photo without text, in a copy each
HEIGHTS = 7, 36  # pixels of a short text in the coarse pass
CONTRAST = 60  # of 255, that a drawn text has at least
NO_TEXT = 0.05  # a place of a lower probability has none; one up to TEXT_PROBABILITY is not fitted
MOST = 60, 80  # places of a picture that are fitted: of text, and of none
LOST = 1 / 500  # of the pictures with text the share that may be on the wrong side
CAREFUL = 1  # added to that: a window around a few cells costs little, so that evidence may be weak
FOLDS = 3

Place = tuple[slice, slice]
Picture = tuple[Pixels, Place, Pixels | None]
"""As the detector gets it, where its text may be, and twice as large: there it finds print that was too fine."""

NOWHERE, EVERYWHERE = np.s_[:0, :0], np.s_[:, :]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the backbone makes of a picture, (places, C), and the probability of text at these places."""

    features: NDArray[np.float16]
    probability: NDArray[np.float32]

    @property
    def text(self) -> bool:
        """Whether the detector finds some."""
        return bool(self.probability.max() >= MEAN_PROBABILITY)


def fitted(path: Path, folder: Path) -> early_exit.Plane:
    """The plane of the detector in a file."""
    graph = read(path)
    takers = detectors.find_takers(graph, CONVOLUTIONS[:-1])
    run = compiled(graph, [*graph.outputs, *(node.input[0] for node in takers)], rank=4)

    def seen(pixels: Pixels, text: Place, finer: Pixels | None) -> Seen:
        (probability,), *found = (value[0] for value in run(planes(pixels)[np.newaxis]))
        height, width = found[-1].shape[1:]
        fine = [
            value.repeat(height // value.shape[1], axis=1).repeat(width // value.shape[2], axis=2) for value in found
        ]
        possible = np.zeros_like(probability)
        possible[text] = probability[text]
        cells = possible.reshape(height, CELL, width, CELL).max(axis=(1, 3))
        if finer is not None:
            ((probability,),) = run(planes(finer)[np.newaxis])[0]
            cells = np.maximum(cells, probability.reshape(height, 2 * CELL, width, 2 * CELL).max(axis=(1, 3)))
        features = np.concatenate(fine).reshape(-1, height * width).T.astype(np.float16)
        return Seen(features, cells.ravel())

    pictures = [[seen(*picture) for picture in of_one] for of_one in tqdm(_pictures(folder), unit="photo")]
    lowest: list[float] = []  # what planes that were fitted without them give labelled photos with text
    count = len(photos.load(folder))
    for fold in range(FOLDS):
        start, end = (count * part // FOLDS for part in (fold, fold + 1))
        plane = fit(chain.from_iterable(pictures[:start] + pictures[end:]))
        lowest += [_highest(plane, part) for part in chain.from_iterable(pictures[start:end]) if part.text]
    plane = fit(chain.from_iterable(pictures))
    plane[-1] += CAREFUL - np.quantile(lowest, LOST)
    ends = np.cumsum([graph.read_constant(node.input[1]).shape[1] for node in takers])
    weights = [rounded(part) for part in np.split(plane[:-1], ends[:-1])]
    return early_exit.Plane(dict(zip(CONVOLUTIONS, [*weights, []], strict=True)), round(float(plane[-1]), 3))


def fit(pictures: Iterable[Seen]) -> NDArray[np.float64]:
    """Weights and bias, (C + 1,): twice, the second time also on the places without text that the first got wrong."""
    chance = np.random.default_rng(0)
    pictures = list(pictures)
    plane = None
    for _ in range(2):
        features: list[NDArray[np.float16]] = []
        text: list[NDArray[np.bool_]] = []
        for seen in pictures:
            places = np.flatnonzero(seen.probability >= TEXT_PROBABILITY), np.flatnonzero(seen.probability < NO_TEXT)
            some, none = (chance.permutation(kind)[:most] for kind, most in zip(places, MOST, strict=True))
            if plane is not None:
                worst = places[1][np.argsort(-(seen.features[places[1]] @ plane[:-1]))]
                none = np.concatenate([none, worst[: MOST[1]]])
            features += [seen.features[some], seen.features[none]]
            text += [np.ones(len(some), dtype=bool), np.zeros(len(none), dtype=bool)]
        plane = logistic.plane(np.concatenate(features).astype(np.float32), np.concatenate(text))
    assert plane is not None
    return plane


def _highest(plane: NDArray[np.float64], seen: Seen) -> float:
    return float((seen.features @ plane[:-1]).max() + plane[-1])


def _pictures(folder: Path) -> Iterator[Iterator[Picture]]:
    """Of each photo pictures, then of fine print on screens."""
    choose = Random(0)  # noqa: S311 - the same ones every time
    labelled = photos.load(folder)
    snippets = list(chain.from_iterable(_snippets(photo) for photo in labelled))
    with TemporaryDirectory() as drawn:
        screens.draw(Path(drawn), screens.SCREENS)
        fine_print = [photo for photo in photos.load(Path(drawn)) if not photo.set.startswith(("notice", "poster"))]
        for photo in [*labelled, *fine_print]:
            yield _of_one(photo, snippets, choose, (1,) if photo in fine_print else SIZES)


def _of_one(
    photo: photos.LabelledPhoto, snippets: Sequence[Pixels], choose: Random, sizes: Sequence[float]
) -> Iterator[Picture]:
    pixels = decode(photo.path.read_bytes(), needed_side=2 * COARSE_SIDE_PX, max_pixels=10**9).pixels
    if photo.lines != []:
        for size in sizes:
            small = coarse_input(pixels, size)
            height, width = small.shape[:2]
            yield small, EVERYWHERE, _resized(pixels, (2 * width, 2 * height))
        return
    whole = coarse_input(pixels)
    yield whole, NOWHERE, None
    yield whole[:, ::-1], NOWHERE, None
    for _ in range(SHORT_TEXTS):
        yield *with_text(whole, snippets, choose), None


def _snippets(photo: photos.LabelledPhoto) -> Iterator[Pixels]:
    """The lines of a photo, cut out."""
    if photo.lines:
        pixels = decode(photo.path.read_bytes(), needed_side=10**9, max_pixels=10**9).pixels
        for line in photo.lines:
            left, top, right, bottom = (max(0, round(side)) for side in line.box)
            if not line.ignore and bottom - top > max(HEIGHTS) / 3 and right - left > bottom - top:
                yield pixels[top:bottom, left:right].copy()


def coarse_input(pixels: Pixels, size: float = 1) -> Pixels:
    """A picture as the detector gets it."""
    scale = COARSE_SIDE_PX * size / max(pixels.shape)
    width, height = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in pixels.shape[1::-1])
    return _resized(pixels, (width, height))


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def with_text(whole: Pixels, snippets: Sequence[Pixels], choose: Random) -> tuple[Pixels, Place]:
    """A copy with a short text somewhere: one of the snippets, or one that is drawn. And its place."""
    height = round(np.exp(choose.uniform(*np.log(HEIGHTS))))
    widest = whole.shape[1] // 2
    if snippets and choose.random() < 0.5:
        snippet = choose.choice(snippets)
        width = max(CELL, round(snippet.shape[1] * height / snippet.shape[0]))
        patch = cv2.resize(snippet, (width, height), interpolation=cv2.INTER_AREA)[:, :widest]
        mask = np.ones((*patch.shape[:2], 1), dtype=np.float32)
    else:
        patch = None
        mask = _drawn(height, choose)[: len(whole), :widest]
    left, top = (
        choose.randrange(room - side + 1) for room, side in zip(whole.shape[1::-1], mask.shape[1::-1], strict=True)
    )
    place = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    behind = whole[place].astype(np.float32)
    ink = _ink(float(behind.mean()), choose) if patch is None else patch
    copy = whole.copy()
    copy[place] = np.clip(behind * (1 - mask) + ink * mask, 0, 255)
    return copy, place


def _drawn(height: int, choose: Random) -> NDArray[np.float32]:
    """Letters and digits, three in ten times tilted: how much of each pixel they cover, (H, W, 1)."""
    text = "".join(choose.choices(string.ascii_letters + string.digits, k=choose.randint(2, 10)))
    font = ImageFont.load_default(4 * height)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (round(right - left) + 8, round(bottom - top) + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, fill=255, font=font)
    if choose.random() < 0.3:
        image = image.rotate(choose.uniform(-30, 30), Image.Resampling.BICUBIC, expand=True)
    small = image.resize((max(1, image.width // 4), max(1, image.height // 4)), Image.Resampling.LANCZOS)
    covered = np.asarray(small, dtype=np.float32)[..., np.newaxis]
    return covered * np.float32(choose.uniform(0.6, 1) / 255)


def _ink(paper: float, choose: Random) -> NDArray[np.float32]:
    """A colour that can be told from a brightness."""
    ink = np.array([choose.uniform(0, 255) for _ in range(3)]).astype(np.float32)
    if abs(ink.mean() - paper) < CONTRAST:
        ink[:] = 255 if paper < 128 else 0
    return ink
