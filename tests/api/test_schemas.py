import asyncio
import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from api import schemas
from api.uploads import Refused
from ocr.errors import ReadingFailed, ReadingTimedOut, RunnerUnavailable
from ocr.types import Reading, TextLine

coordinates = st.floats(0, 20_000, width=32)


@st.composite
def lines(draw: st.DrawFn) -> TextLine:
    polygon = np.array(draw(st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=4)), dtype=np.float32)
    return TextLine(polygon, draw(st.text(min_size=1)), draw(st.floats(0, 1)))


@given(st.lists(lines(), max_size=5))
def test_every_value_is_a_string_and_the_arrays_are_parallel(read: list[TextLine]) -> None:
    result = json.loads(json.dumps(schemas.lines_answer(read)))["result"]
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
    assert schemas.lines_answer([TextLine(polygon, "你好", 0.987)]) == {
        "result": {
            "texts": ["你好"],
            "scores": ["0.99"],
            "boxes": [{"x": "4.0", "y": "7.0", "width": "283.0", "height": "21.44"}],
        }
    }


def test_no_zero_is_negative() -> None:
    answer = schemas.lines_answer([TextLine(np.full((4, 2), -0.0, dtype=np.float32), "x", 1.0)])
    assert "-0" not in json.dumps(answer)


def test_no_text_is_three_empty_arrays() -> None:
    assert schemas.lines_answer([]) == {"result": {"texts": [], "scores": [], "boxes": []}}


def test_memory_is_told_in_whole_megabytes() -> None:
    assert schemas.Megabytes.of(123_456_789, 999_999_999) == schemas.Megabytes(now=123, peak=1000)


def test_details_have_hundredths_of_a_pixel_and_tenths_of_a_millisecond() -> None:
    polygon = np.array([[0.1, 1 / 3], [2 / 3, 1 / 3], [2 / 3, 9.999], [0.1, 9.999]], dtype=np.float32)
    reading = Reading([TextLine(polygon, "x", 1.0)], {"decode": 0.123456}, (10, 20))
    assert schemas.details(reading)["details"] == {
        "width": 10,
        "height": 20,
        "polygons": [[(0.1, 0.33), (0.67, 0.33), (0.67, 10.0), (0.1, 10.0)]],
        "seconds": {"decode": 0.1235},
    }


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (RunnerUnavailable("no model"), 503, "no model"),
        (ReadingFailed("no luck"), 500, "no luck"),
        (ReadingTimedOut("no time"), 504, "no time"),
        (Refused(413, "no room"), 413, "no room"),
        (Refused(503, "no room now"), 503, "no room now"),
        (ZeroDivisionError("a secret"), 500, schemas.UNEXPECTED),
    ],
)
def test_an_error_says_what_is_wrong_and_a_503_when_to_come_again(error: Exception, status: int, detail: str) -> None:
    @schemas.answers
    async def handler(_: object) -> dict[str, object]:
        raise error

    answer = asyncio.run(handler(None))
    assert answer.status_code == status
    assert json.loads(bytes(answer.body)) == {"detail": detail}
    assert answer.headers.get("retry-after") == ("30" if status == 503 else None)


def asked(app: ASGIApp) -> tuple[int, dict[str, str], object]:
    """Status, headers and body of what an application answers, with errors in our shape."""
    answer = TestClient(schemas.ErrorsAsJson(app)).get("/")
    return answer.status_code, dict(answer.headers), answer.json()


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("a text", 418),
        JSONResponse({"error": "a text"}, 418),
        JSONResponse({"detail": ["a list"]}, 418),
        JSONResponse(["detail"], 418),
    ],
)
def test_an_error_in_another_shape_gets_ours_and_keeps_its_own_headers(answer: Response) -> None:
    answer.headers["x-kept"] = "1"
    headers = {"content-type": "application/json", "content-length": "25", "x-kept": "1"}
    assert asked(answer) == (418, headers, {"detail": "I'm a Teapot"})


def test_who_asks_for_what_is_not_there_is_told_what_is() -> None:
    assert asked(Response(status_code=404))[2] == {"detail": schemas.HINTS[404]}


def test_an_error_that_comes_in_pieces_is_one() -> None:
    pieces = StreamingResponse(iter([b'{"detail": "two ', b'pieces"}']), 400)
    assert asked(pieces)[::2] == (400, {"detail": "two pieces"})


def test_what_breaks_before_it_began_is_a_500_and_later_it_is_broken_off() -> None:
    async def early(*_: object) -> None:
        raise ZeroDivisionError

    def late() -> Iterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError

    assert asked(early)[::2] == (500, {"detail": schemas.UNEXPECTED})
    with pytest.raises(ZeroDivisionError):
        asked(StreamingResponse(late()))
