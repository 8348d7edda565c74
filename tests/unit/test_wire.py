import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import wire
from ocr.types import TextLine

coordinates = st.floats(0, 20_000, width=32)


@st.composite
def lines(draw: st.DrawFn) -> TextLine:
    polygon = np.array(draw(st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=4)), dtype=np.float32)
    return TextLine(polygon, draw(st.text(min_size=1)), draw(st.floats(0, 1)))


@given(st.lists(lines(), max_size=5))
def test_every_value_is_a_string_and_the_arrays_are_parallel(read: list[TextLine]) -> None:
    result = json.loads(json.dumps(wire.lines_answer(read)))["result"]
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
    assert wire.lines_answer([TextLine(polygon, "你好", 0.987)]) == {
        "result": {
            "texts": ["你好"],
            "scores": ["0.99"],
            "boxes": [{"x": "4.0", "y": "7.0", "width": "283.0", "height": "21.44"}],
        }
    }


def test_no_zero_is_negative() -> None:
    answer = wire.lines_answer([TextLine(np.full((4, 2), -0.0, dtype=np.float32), "x", 1.0)])
    assert "-0" not in json.dumps(answer)


def test_no_text_is_three_empty_arrays() -> None:
    assert wire.lines_answer([]) == {"result": {"texts": [], "scores": [], "boxes": []}}
