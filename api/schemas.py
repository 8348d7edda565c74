"""MT Photos' HTTP API: what goes in and what comes out. The only place that knows its quirks.

The quirks: all numbers are strings, lines are three parallel arrays, and a photo that cannot be read gets
an answer (status 200, an empty list and a `msg`) instead of an error.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import bentoml
from bentoml.validators import ContentType
from pydantic import BaseModel, Field
from starlette.requests import Request

from ocr.types import Reading, TextLine


class _Unparsed(bentoml.IODescriptor):
    """An input that BentoML describes but does not parse.

    BentoML's own file fields fetch a URL that is sent instead of a file, and answer malformed forms with a 500.
    """

    @classmethod
    async def from_http_request(cls, request: Request, serde: object) -> Self:  # noqa: ARG003
        return cls.model_construct(**dict.fromkeys(cls.model_fields, request))


class NoInput(_Unparsed):
    """Whatever is sent along is ignored."""


class OcrForm(_Unparsed):
    """The form of /ocr."""

    file: Annotated[Path, ContentType("image/*")] = Field(description="the photo, in any common format")


class ClipText(_Unparsed):
    """The body of /clip/txt, JSON."""

    text: str = Field(description="what to search for")


class Box(BaseModel):
    """An upright rectangle in pixels of the upright photo, from its top left corner: "12.0"."""

    x: str
    y: str
    width: str
    height: str


class Lines(BaseModel):
    """The lines in reading order, as three parallel arrays; scores are 0-1: "0.98"."""

    texts: list[str]
    scores: list[str]
    boxes: list[Box]


class Details(BaseModel):
    """How the photo was read, which MT Photos does not ask for. Here numbers are numbers."""

    width: int = Field(description="pixels of the upright photo")
    height: int = Field(description="pixels of the upright photo")
    polygons: list[list[tuple[float, float]]] = Field(
        description="the corners of each line, x and y in pixels of the upright photo, clockwise from the top left of "
        "the text: four, or more where a line is bent"
    )
    seconds: dict[str, float] = Field(description="by stage, as in the metric mtphotos_ocr_stage_seconds")


class OcrAnswer(bentoml.IODescriptor):
    """The answer of /ocr: the lines, or an empty list and `msg` if the photo cannot be read."""

    result: Lines | Annotated[list[str], Field(max_length=0)]
    msg: str | None = Field(None, description="why the photo cannot be read; only then")
    details: Details | None = Field(None, description="only if the header `Prefer: details` asks for them")


class Error(BaseModel):
    """The body of every answer with a status of 400 and above."""

    detail: str = Field(description="what is wrong, and what to do")


class Megabytes(BaseModel):
    """Resident memory in MB of 1,000,000 bytes."""

    now: int
    peak: int

    @classmethod
    def from_bytes(cls, now: int, peak: int) -> Self:
        return cls(now=round(now / 1e6), peak=round(peak / 1e6))


class CheckAnswer(bentoml.IODescriptor):
    """The answer of /check. MT Photos looks at `result`; the rest is for people."""

    result: str = "pass"
    title: str = "mtphotos-ocr"
    version: str
    runner: str
    model: str
    languages: list[str] = Field(description="what the model reads; empty for a model of the user's own")
    advice: str = Field(description="what would make reading much faster on this machine; empty if nothing is known to")
    device: str = Field(description="what the runner runs on; empty until a model has been loaded")
    why: str = Field(description="how OCR_RUNNER led to this runner")
    loaded: bool = Field(description="whether the model is in memory; if not, the next photo loads it")
    uptime: int = Field(description="seconds since the service was started")
    photos: int = Field(description="photos read since then")
    restarts: dict[str, int] = Field(description="workers that were replaced, ended or lost, by reason")
    memory: dict[str, Megabytes] = Field(description="of the service, and of the worker, which holds the model")
    optimisations: list[str] = Field(
        [], description="the optimisations that are active; none until a model has been loaded"
    )
    clip: Literal["answers", "does not answer", "not set"] = Field(
        description="the service at CLIP_API_URL, asked at most once a minute"
    )


class ClipAnswer(bentoml.IODescriptor):
    """The answer of /clip/img and /clip/txt, as the CLIP service gives it."""

    result: list[str] = Field(description='the numbers of the vector: "0.0123"')


class RestartAnswer(bentoml.IODescriptor):
    """The answer of /restart."""

    result: str = "pass"


def format_lines(lines: Sequence[TextLine]) -> dict[str, object]:
    """The body of /ocr for a photo that was read."""
    result = Lines(
        texts=[line.text for line in lines],
        scores=[f"{line.score:.2f}" for line in lines],
        boxes=[Box(**dict(zip(Box.model_fields, map(_format_number, line.box), strict=True))) for line in lines],
    )
    return {"result": result.model_dump()}


def wants_details(headers: Mapping[str, str]) -> bool:
    """Whether a request has the preference `details` (RFC 7240). Those of MT Photos do not."""
    return "details" in headers.get("prefer", "").lower().replace(" ", "").split(",")


def format_details(reading: Reading) -> dict[str, object]:
    """What is added to the body of /ocr for a request that wants details."""
    width, height = reading.size
    polygons = [line.polygon.astype(float).round(2).tolist() for line in reading.lines]
    seconds = {stage: round(value, 4) for stage, value in reading.seconds.items()}
    return {"details": Details(width=width, height=height, polygons=polygons, seconds=seconds).model_dump()}


def _format_number(value: float) -> str:
    return str(round(value, 2) + 0.0)  # + 0.0: never "-0.0"
