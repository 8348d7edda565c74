"""MMOCR's detectors without MMOCR: what decodes them."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from ocr.mmocr import DbNetDecoder, MmocrDetector, Recipe, make_decoder
from ocr.textsnake import TextSnakeDecoder
from ocr.types import box


def bar(value: float = 0.9) -> NDArray[np.float32]:
    found = np.zeros((1, 64, 160), np.float32)
    found[0, 20:40, 30:130] = value
    return found


@pytest.mark.parametrize("kind", ["quad", "poly"])
def test_a_region_grows_by_its_area_over_its_length(kind: str) -> None:
    (line,) = DbNetDecoder(text_repr_type=kind)(bar())
    grown = 99 * 19 * 1.5 / (2 * (99 + 19))  # Liao et al., 3.4: area * ratio / length
    assert box(line.polygon) == pytest.approx((30 - grown, 20 - grown, 99 + 2 * grown, 19 + 2 * grown), abs=1.5)
    assert line.probability == pytest.approx(0.9)
    assert len(line.polygon) == 4 if kind == "quad" else len(line.polygon) > 4


@pytest.mark.parametrize(
    "strict",
    [DbNetDecoder(mask_thr=0.95), DbNetDecoder(min_text_score=0.95), DbNetDecoder("quad", min_text_width=500)],
)
def test_a_region_below_a_threshold_is_no_line(strict: DbNetDecoder) -> None:
    assert strict(bar()) == []


def test_a_recipe_is_read_from_the_metadata_it_was_written_to() -> None:
    for kept in (TextSnakeDecoder(min_center_area=7), DbNetDecoder("quad")):
        recipe = Recipe(1333, 736, 32, (1.5, 2.5, 3.5), kept)
        assert Recipe.from_metadata(json.loads(json.dumps(recipe.to_metadata()))) == recipe


def test_a_decoder_takes_the_values_of_mmocrs_postprocessor() -> None:
    values = {"text_repr_type": "quad", "mask_thr": 0.4, "rescale_fields": ["polygons"], "train_cfg": None}
    values |= {
        "min_text_score": 0.1,
        "min_text_width": 3,
        "unclip_ratio": 2,
        "epsilon_ratio": 0.002,
        "max_candidates": 9,
    }
    assert make_decoder("DBPostprocessor", values) == DbNetDecoder("quad", 0.4, 0.1, 3, 2, 0.002, 9)


def test_a_picture_is_resized_and_padded_and_lines_are_in_its_pixels() -> None:
    seen = []

    def dark_is_text(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(pixels)
        return np.where(pixels.mean(axis=0, keepdims=True) < 100, np.float32(1), np.float32(0))

    picture = np.full((300, 900, 3), 255, np.uint8)
    picture[100:160, 200:700] = 0
    recipe = Recipe(600, 400, 32, (120.0, 130.0, 140.0), DbNetDecoder("quad", unclip_ratio=0.01))
    (line,) = MmocrDetector(dark_is_text, recipe)(picture)
    assert box(line.polygon) == pytest.approx((200, 100, 500, 60), abs=4)
    assert seen[0].shape == (3, 224, 608)  # 600 x 200, each side up to a multiple of 32
    assert seen[0][:, -1, -1].tolist() == [120, 130, 140]
