"""Answers all loaders of the ASE platform: runs a runner in this process, and gives codes instead of exceptions."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Self

import logs
from ocr.errors import OcrError, RunnerUnavailable, UnreadablePhoto
from ocr.types import TextLine
from options import make_options
from runners.base import Runner
from runners.failures import classify
from runners.registry import RUNNERS, find_candidates, make
from settings import Settings
from worker.pixel_budget import PixelBudget, weigh_pixels

log = logging.getLogger("mtphotos_ocr.ase")

INPUT_KEY = "data"  # of the image in a request with several items
FOREIGN_KEYS = {"format", "http_listen"}
"""Keys of [wrapper] that are not settings of the reader: this module's, and that of AIservice's gRPC gateway."""


class Code(IntEnum):
    """The outcome of a request, for AIservice."""

    OK = 0
    NO_MODEL = 10001
    EMPTY = 10013
    UNREADABLE = 10014
    FAILED = 10015
    BAD_PARAMETER = 10016


PHRASES = {
    Code.OK: "ok",
    Code.NO_MODEL: "no model",
    Code.EMPTY: "empty request",
    Code.UNREADABLE: "unreadable",
    Code.FAILED: "reader failed",
    Code.BAD_PARAMETER: "bad parameter",
}
"""At most 15 bytes of ASCII: V2 frees longer ones before it reads them."""


class EmptyRequest(OcrError):
    """The request contains no photo."""

    ase_code = Code.EMPTY


class BadParameter(OcrError):
    """A parameter has a value that cannot be used."""

    ase_code = Code.BAD_PARAMETER


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded runner and all that a request needs to use it."""

    runner: Runner
    """Loaded, and keeps lines of any score: each request has its own min_score."""

    settings: Settings
    """The settings by which it was chosen."""

    pixel_budget: PixelBudget
    """Bounds the pixels of all photos that it reads at the same time."""

    format_lines: Callable[[Sequence[TextLine]], object]
    """Makes the JSON of an answer."""

    @classmethod
    def load(cls, settings: Settings, format_lines: Callable[[Sequence[TextLine]], object]) -> Self:
        """Load the chosen runner, or with `auto` the first that can be loaded; raises RunnerUnavailable."""
        chosen = make_options(settings)
        unfiltered = replace(chosen, limits=replace(chosen.limits, min_score=0))
        names = find_candidates(settings.ocr_runner, chosen)
        for name in names:
            entry = RUNNERS[name]
            try:
                runner = make(entry.class_path, replace(unfiltered, model=entry.choose_model(chosen)))
                runner.load()
            except Exception:
                log.exception("%s cannot be loaded", name)
            else:
                return cls(runner, settings, PixelBudget(chosen.limits.max_pixels), format_lines)
        raise RunnerUnavailable(f"none of these can be loaded: {', '.join(names)}")


class Host:
    """Owns a runner in this process: an embedded interpreter has no Python executable to start a worker with."""

    def __init__(self) -> None:
        self._loaded: Loaded | None = None

    def init(self, config: Mapping[str, str]) -> int:
        """Load the runner that the section [wrapper] of aiges.toml chooses; returns a Code."""
        self.close()
        try:
            settings = Settings(_env_file=None, **parse_settings(config))
            logs.configure(settings.log_format, others=settings.log_format == "json")  # AIservice has a log of its own
            self._loaded = Loaded.load(settings, choose_format(config))
        except Exception:
            log.exception("no model could be loaded")
            return int(Code.NO_MODEL)
        log.info("ready to read on %s", self._loaded.runner.device)
        return int(Code.OK)

    def close(self) -> int:
        """Close the runner; from now on requests get Code.NO_MODEL."""
        loaded, self._loaded = self._loaded, None
        if loaded:
            try:
                loaded.runner.close()
            except Exception:
                log.exception("the runner could not be closed")
        return int(Code.OK)

    def answer(self, params: Mapping[str, str] | None, items: Any) -> tuple[int, bytes]:
        """A Code, and the JSON of the lines or of the problem. extract_image() says what `items` may be."""
        try:
            loaded = self._get_loaded()
            lines = _read_lines(loaded, params or {}, extract_image(items))
            return int(Code.OK), _encode(loaded.format_lines(lines))
        except OcrError as error:
            code = Code(error.ase_code)
            log.info("%s: %s", PHRASES[code], error)
            return make_refusal(code, str(error))
        except Exception as error:
            log.exception("the reader failed")
            kind, problem = classify(error)
            return make_refusal(Code(kind.ase_code), problem)

    def _get_loaded(self) -> Loaded:
        if self._loaded is None:
            raise RunnerUnavailable("no model is loaded; the log says why")
        return self._loaded


def _read_lines(loaded: Loaded, params: Mapping[str, str], photo: bytes) -> list[TextLine]:
    if not isinstance(params, Mapping):
        raise BadParameter("parameters must be names with strings")
    megabytes = loaded.settings.ocr_max_upload_mb
    if len(photo) > megabytes * 10**6:
        raise UnreadablePhoto(f"the file has {len(photo)} bytes; up to {megabytes} MB are read (max_upload_mb)")
    min_score = parse_score(params["min_score"]) if "min_score" in params else loaded.settings.ocr_min_score
    with loaded.pixel_budget.hold(weigh_pixels(photo)):
        return [line for line in loaded.runner.read(photo).lines if line.score >= min_score]


def extract_image(items: Any) -> bytes:
    """The image in a request: its only item, whatever its key, or if there are several, the one named INPUT_KEY.

    Items are dictionaries (V1) or objects (V2, gRPC), alone, in a sequence, or in the `list` of an object; an image is
    bytes, a bytearray or a memoryview. Raises EmptyRequest.
    """
    items = getattr(items, "list", items)
    nodes = [items] if isinstance(items, Mapping) else list(items) if isinstance(items, Iterable) else []
    if len(nodes) > 1:
        nodes = [node for node in nodes if _get_member(node, "key") == INPUT_KEY]
    data = _get_member(nodes[0], "data") if nodes else None
    if not isinstance(data, bytes | bytearray | memoryview) or not len(data):
        raise EmptyRequest(
            f"there is no image in the request: its only item must hold it, or the one named {INPUT_KEY}"
        )
    return bytes(data)


def _get_member(node: object, name: str) -> object:
    return node.get(name) if isinstance(node, Mapping) else getattr(node, name, None)


def parse_settings(config: Mapping[str, str]) -> dict[str, Any]:
    """The settings (settings.py) in the section [wrapper]: engine, mmocr.det_config, and others without their OCR_."""
    found, unknown = {}, []
    for key, value in config.items():
        name = "ocr_runner" if key == "engine" else key.replace(".", "_")
        name = name if name in Settings.model_fields else f"ocr_{name}"
        if name not in Settings.model_fields:
            unknown += [key] if key not in FOREIGN_KEYS else []
        elif value not in {"", None}:  # an empty value counts as not set
            found[name] = value
    if unknown:
        log.warning("ignored keys of [wrapper] that are not settings of the reader: %s", ", ".join(unknown))
    return found


def parse_score(value: str) -> float:
    """A score, 0-1; raises BadParameter."""
    with suppress(ValueError, TypeError, OverflowError):
        if 0 <= (number := float(value)) <= 1:
            return number
    raise BadParameter('min_score must be a string with a number from 0 to 1, such as "0.5"')


def choose_format(config: Mapping[str, str]) -> Callable[[Sequence[TextLine]], object]:
    """The function that makes answers in the `format` of the section [wrapper]; raises ValueError."""
    name = config.get("format") or "lines"
    if name not in FORMATS:
        raise ValueError(f"format = {name!r}: it must be one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _format_lines(lines: Sequence[TextLine]) -> object:
    return {
        "lines": [
            {
                "polygon": [[round(float(x), 2), round(float(y), 2)] for x, y in line.polygon],
                "box": dict(zip(("x", "y", "width", "height"), (round(value, 2) for value in line.box), strict=True)),
                "text": line.text,
                "score": round(line.score, 4),
            }
            for line in lines
        ]
    }


def _format_as_mmocr(lines: Sequence[TextLine]) -> object:
    """The predictions of MMOCR 1.0's MMOCRInferencer for one photo."""
    answer: dict[str, object] = {"det_polygons": [_flatten(line) for line in lines]}
    scores = [line.score for line in lines]
    if any(line.text for line in lines):
        return answer | {"rec_texts": [line.text for line in lines], "rec_scores": scores}
    return answer | {"det_scores": scores}


def _format_as_readtext(lines: Sequence[TextLine]) -> object:
    """The result of MMOCR 0.6's `MMOCR(det=..., recog=None).readtext` for one photo."""
    return [{"boundary_result": [[*_flatten(line), line.score] for line in lines]}]


def _flatten(line: TextLine) -> list[float]:
    """The polygon as x1, y1, x2, y2 ..."""
    return [float(number) for number in line.polygon.ravel()]


FORMATS = {"lines": _format_lines, "mmocr": _format_as_mmocr, "mmocr-0.6": _format_as_readtext}


def make_refusal(code: Code, message: str) -> tuple[int, bytes]:
    """A code, and JSON with that code and a message."""
    return int(code), _encode({"error": {"code": int(code), "message": message}})


def _encode(answer: object) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode(errors="replace")  # a path in a message may be no UTF-8
