import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from api import schemas
from ocr.types import Reading, TextLine

coordinates = st.floats(0, 20_000, width=32)


@st.composite
def lines(draw: st.DrawFn) -> TextLine:
    polygon = np.array(draw(st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=4)), dtype=np.float32)
    return TextLine(polygon, draw(st.text(min_size=1)), draw(st.floats(0, 1)))


@given(st.lists(lines(), max_size=5))
def test_every_value_is_a_string_and_the_arrays_are_parallel(read: list[TextLine]) -> None:
    result = json.loads(json.dumps(schemas.format_lines(read)))["result"]
    assert list(result) == ["texts", "scores", "boxes"]
    assert len(result["texts"]) == len(result["scores"]) == len(result["boxes"]) == len(read)
    for score in result["scores"]:
        assert 0 <= float(score) <= 1
        assert len(score) == 4
    for box in result["boxes"]:
        assert list(box) == ["x", "y", "width", "height"]
        for value in box.values():
            assert isinstance(value, str)
            assert float(value) >= 0
            assert not value.startswith("-")
            assert "." in value


def test_the_answer_is_the_one_that_mt_photos_shows() -> None:
    polygon = np.array([[4, 7], [287, 7], [287, 28], [4, 28.444]], dtype=np.float32)
    assert schemas.format_lines([TextLine(polygon, "你好", 0.987)]) == {
        "result": {
            "texts": ["你好"],
            "scores": ["0.99"],
            "boxes": [{"x": "4.0", "y": "7.0", "width": "283.0", "height": "21.44"}],
        }
    }


def test_no_zero_is_negative() -> None:
    answer = schemas.format_lines([TextLine(np.full((4, 2), -0.0, dtype=np.float32), "x", 1.0)])
    assert "-0" not in json.dumps(answer)


def test_no_text_is_three_empty_arrays() -> None:
    assert schemas.format_lines([]) == {"result": {"texts": [], "scores": [], "boxes": []}}


def test_memory_is_in_whole_megabytes() -> None:
    assert schemas.Megabytes.from_bytes(123_456_789, 999_999_999) == schemas.Megabytes(now=123, peak=1000)


def test_details_have_hundredths_of_a_pixel_and_tenths_of_a_millisecond() -> None:
    polygon = np.array([[0.1, 1 / 3], [2 / 3, 1 / 3], [2 / 3, 9.999], [0.1, 9.999]], dtype=np.float32)
    reading = Reading([TextLine(polygon, "x", 1.0)], {"decode": 0.123456}, (10, 20))
    assert schemas.format_details(reading)["details"] == {
        "width": 10,
        "height": 20,
        "polygons": [[(0.1, 0.33), (0.67, 0.33), (0.67, 10.0), (0.1, 10.0)]],
        "seconds": {"decode": 0.1235},
    }
