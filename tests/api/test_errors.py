"""How errors are answered and counted, ours and those of BentoML and Starlette."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp

import ase.host
from api import errors, metrics, openapi
from api.errors import QueueFull, UploadTooLarge
from ocr.errors import OcrError, ReadingFailed, ReadingTimedOut, RunnerUnavailable, UnreadablePhoto


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (RunnerUnavailable("no model"), 503, "no model"),
        (ReadingFailed("no luck"), 500, "no luck"),
        (ReadingTimedOut("no time"), 504, "no time"),
        (UploadTooLarge("no room"), 413, "no room"),
        (QueueFull("no room now"), 503, "no room now"),
        (ZeroDivisionError("a secret"), 500, errors.UNEXPECTED),
    ],
)
def test_an_error_says_what_is_wrong_and_a_503_when_to_come_again(error: Exception, status: int, detail: str) -> None:
    @errors.answer_errors
    async def handler(_: object) -> dict[str, object]:
        raise error

    answer = asyncio.run(handler(None))
    assert answer.status_code == status
    assert json.loads(bytes(answer.body)) == {"detail": detail}
    assert answer.headers.get("retry-after") == ("30" if status == 503 else None)


def test_an_unreadable_photo_is_an_answer() -> None:
    @errors.answer_errors
    async def handler(_: object) -> dict[str, object]:
        raise UnreadablePhoto("no picture")

    answer = asyncio.run(handler(None))
    assert (answer.status_code, json.loads(bytes(answer.body))) == (200, {"result": [], "msg": "no picture"})


def descendants(kind: type[OcrError]) -> set[type[OcrError]]:
    return {kind}.union(*map(descendants, kind.__subclasses__()))


def test_every_error_has_a_status_a_code_and_an_outcome_that_are_known() -> None:
    tree = descendants(OcrError)
    assert {ase.host.BadParameter, errors.Stopping, UnreadablePhoto} < tree
    for kind in tree:
        assert kind.http_status in openapi.ERRORS or kind in {UnreadablePhoto, errors.ClientGone}, kind
        assert kind.ase_code in list(ase.host.Code), kind
        assert kind.outcome in (metrics.CLIP_OUTCOMES if kind.__name__.startswith("Clip") else metrics.OUTCOMES), kind


def test_a_photo_is_counted_by_its_error_and_a_surprise_as_other() -> None:
    def count(outcome: str) -> float:
        return float(metrics.PHOTOS.labels(outcome)._value.get())

    surprises = (asyncio.CancelledError(), ZeroDivisionError(), OcrError())
    for error, outcome in [(QueueFull(), "queue_full"), *((surprise, "other") for surprise in surprises)]:
        before = count(outcome)
        with pytest.raises(type(error)), metrics.count_photo():
            raise error
        assert count(outcome) == before + 1
    assert {sample.labels["outcome"] for sample in next(iter(metrics.PHOTOS.collect())).samples} == set(
        metrics.OUTCOMES
    )


def asked(app: ASGIApp) -> tuple[int, dict[str, str], object]:
    """Status, headers and body of what an application answers, with errors in our shape."""
    answer = TestClient(errors.ErrorsAsJson(app)).get("/")
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


def test_a_404_names_the_routes() -> None:
    assert asked(Response(status_code=404))[2] == {"detail": errors.HINTS[404]}


def test_an_error_that_comes_in_pieces_is_one() -> None:
    pieces = StreamingResponse(iter([b'{"detail": "two ', b'pieces"}']), 400)
    assert asked(pieces)[::2] == (400, {"detail": "two pieces"})


def test_what_breaks_before_it_began_is_a_500_and_later_it_is_broken_off() -> None:
    async def early(*_: object) -> None:
        raise ZeroDivisionError

    def late() -> Iterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError

    assert asked(early)[::2] == (500, {"detail": errors.UNEXPECTED})
    with pytest.raises(ZeroDivisionError):
        asked(StreamingResponse(late()))
