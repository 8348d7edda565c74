"""Our pipeline on the real networks, held against the libraries' own objects on the pictures of tests/data."""

from functools import cache

import pytest

from benchmarks.readers import READERS, Reader
from benchmarks.scoring import Line, iou, normalized
from tests.conftest import DATA, PICTURES

LIBRARY = {
    "openvino-ppocrv6": "rapidocr-openvino-ppocrv6",
    "onnx-ppocrv6": "rapidocr-openvino-ppocrv6",
    "openvino-ppocrv4": "rapidocr_openvino",
    "onnx-ppocrv4": "rapidocr_openvino",
}
"""Our runner and model, and the object to hold it against: of a library with the same model, on whatever engine."""

SAME_PLACE = 0.5
"""IoU from which two boxes are of the same object (PASCAL VOC). Theirs are looser: of 41 pixels around print of 22."""

NO_EXIF = {"openvino-ppocrv4", "onnx-ppocrv4"}  # their library does not turn a photo upright


@cache
def reader(name: str) -> Reader:
    return READERS[name]()


@cache
def read(name: str, picture: str) -> list[Line]:
    return reader(name)(DATA / picture)


def right(lines: list[Line], picture: str) -> dict[str, Line]:
    """The lines whose text stands in the picture, by that text as a search sees it."""
    wanted = {normalized(text) for text in PICTURES[picture]}
    return {normalized(line.text): line for line in lines if normalized(line.text) in wanted}


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
        assert iou(line.box, our_right[text].box) > SAME_PLACE, text


@pytest.mark.parametrize("name", ["openvino-ppocrv6", "onnx-ppocrv6"])
@pytest.mark.parametrize("picture", PICTURES)
def test_ppocrv6_reads_every_line_in_reading_order(name: str, picture: str) -> None:
    texts = [normalized(line.text) for line in read(name, picture)]
    wanted = [normalized(text) for text in PICTURES[picture]]
    if picture == "headlong.png":  # upside down: its order is that of the picture, not of the text
        texts, wanted = sorted(texts), sorted(wanted)
    assert texts == wanted
