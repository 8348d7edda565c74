"""Our pipeline on the real networks, held against the libraries' own objects on the pictures of tests/data."""

import math
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import cv2
import numpy as np
import pytest

from benchmarks.readers import READERS
from benchmarks.scoring import Box, Line, measure_iou, normalize
from tests.fakes.project import DATA, PICTURES

LIBRARY = {
    "openvino-ppocrv6": "rapidocr-openvino-ppocrv6",
    "onnx-ppocrv6": "rapidocr-openvino-ppocrv6",
    "openvino-ppocrv4": "rapidocr_openvino",
    "onnx-ppocrv4": "rapidocr_openvino",
}
"""Our runner and model, and the object to hold it against: of a library with the same model, on whatever engine."""

CONTRAST = 60  # grey levels between print and its ground, of 256
NO_EXIF = {"openvino-ppocrv4", "onnx-ppocrv4"}  # their library does not turn a photo upright


def read_all(name: str) -> dict[str, list[Line]]:
    reader = READERS[name]()
    return {picture: reader(DATA / picture) for picture in PICTURES}


@cache
def read_in_child(name: str) -> dict[str, list[Line]]:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(read_all, name).result()


def read(name: str, picture: str) -> list[Line]:
    return read_in_child(name)[picture]


def right(lines: list[Line], picture: str) -> dict[str, Line]:
    """The lines whose text stands in the picture, by that text as a search sees it."""
    wanted = {normalize(text) for text in PICTURES[picture]}
    return {normalize(line.text): line for line in lines if normalize(line.text) in wanted}


def printed(picture: str, *boxes: Box) -> Box:
    """What is drawn in a picture of one ground, within the rectangle around the boxes."""
    left, top = (int(min(box[side] for box in boxes)) for side in (0, 1))
    right, bottom = (math.ceil(max(box[side] for box in boxes)) for side in (2, 3))
    grey = cv2.imread(str(DATA / picture), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    part = grey[top:bottom, left:right].astype(float)
    x, y, width, height = cv2.boundingRect((np.abs(part - np.median(part)) > CONTRAST).astype(np.uint8))
    return left + x, top + y, left + x + width, top + y + height


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        (name, picture)
        for name in LIBRARY
        for picture in PICTURES
        if picture != "orientation6.jpg" or name not in NO_EXIF
    ],
)
def test_what_the_library_reads_right_we_read_right_in_the_same_place(name: str, picture: str) -> None:
    our_lines, its_right = read(name, picture), right(read(LIBRARY[name], picture), picture)
    our_right = right(our_lines, picture)
    assert set(its_right) <= set(our_right)
    assert len(our_lines) <= len(PICTURES[picture])
    for text, line in its_right.items():
        box = our_right[text].box
        if measure_iou(line.box, box) <= 0.6:  # with bfloat16, one of PP-OCRv4's is nearer to the print than theirs
            drawn = printed(picture, line.box, box)
            assert measure_iou(box, drawn) > max(0.6, measure_iou(line.box, drawn)), text


@pytest.mark.parametrize("name", ["openvino-ppocrv6", "onnx-ppocrv6"])
@pytest.mark.parametrize("picture", PICTURES)
def test_ppocrv6_reads_every_line_in_reading_order(name: str, picture: str) -> None:
    texts = [normalize(line.text) for line in read(name, picture)]
    wanted = [normalize(text) for text in PICTURES[picture]]
    if picture == "headlong.png":  # upside down: its order is that of the picture, not of the text
        texts, wanted = sorted(texts), sorted(wanted)
    assert texts == wanted
