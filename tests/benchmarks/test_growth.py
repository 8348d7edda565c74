"""The drawn photos that growth is measured on, and the table."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from benchmarks.growth import draw_photo, on_cores, table


def opened(megapixels: int, lines: int) -> Image.Image:
    return Image.open(io.BytesIO(draw_photo(megapixels, lines)))


def test_a_photo_has_the_megapixels_and_the_lines_asked_for() -> None:
    plain, written = opened(1, 0), opened(1, 30)
    assert plain.width * plain.height == pytest.approx(1e6, rel=0.01)
    assert plain.format == "JPEG"
    dark = np.array(written.convert("L")) < 60
    columns = np.array_split(dark, 4, axis=1)
    assert [column.any() for column in columns] == [True, True, False, False]  # 20 lines, then 10
    assert not (np.array(plain.convert("L")) < 60).any()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_what_is_started_has_the_cores_asked_for() -> None:
    before = os.sched_getaffinity(0)
    with on_cores(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_a_table_has_a_row_for_each_contestant() -> None:
    rows = table("lines", {"ours": {1: 0.5, 2: 0.75}, "theirs": {1: 1, 2: 2}}).splitlines()
    assert rows == [
        "| lines | 1 | 2 |",
        "| --- | --- | --- |",
        "| ours | 0.500 | 0.750 |",
        "| theirs | 1.000 | 2.000 |",
    ]
