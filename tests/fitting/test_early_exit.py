"""The plane of the early exit is fitted on photos, and on copies of them with a short text."""

import json
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitting import early_exit, logistic
from ocr.model_files import locate
from ocr.types import Pixels
from tests.fakes.project import DATA


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_short_text_changes_its_place_only(seed: int) -> None:
    whole = np.full((160, 224, 3), 90, dtype=np.uint8)
    snippets: list[Pixels] = [np.zeros((20, 70, 3), dtype=np.uint8)]
    copy, place = early_exit.with_text(whole, snippets, Random(seed))
    assert copy.shape == whole.shape
    changed = (copy != whole).any(axis=2)
    assert changed[place].any()
    changed[place] = False
    assert not changed.any()


def test_the_plane_is_fitted_on_photos_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_exit, "SHORT_TEXTS", 3)
    monkeypatch.setattr(early_exit, "SIZES", (1,))
    monkeypatch.setattr(early_exit, "COARSE_SIDE_PX", 320)
    monkeypatch.setattr(logistic, "STEPS", 4)
    plain = np.full((240, 320, 3), 128, dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "plain.png"), plain)
    (tmp_path / "receipt.png").write_bytes((DATA / "receipt.png").read_bytes())
    line = {"quad": [[20, 20], [200, 20], [200, 60], [20, 60]], "text": "TEXT"}
    rows = [
        {"image": "receipt.png", "set": "receipts", "lines": [line]},
        {"image": "plain.png", "set": "no-text", "lines": []},
    ]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    path = locate("ppocrv6").detector
    plane = early_exit.fitted(path, tmp_path)
    assert list(plane.weights) == list(early_exit.CONVOLUTIONS)
    assert [len(weights) for weights in plane.weights.values()] == [384, 192, 96, 0]
