"""What answers all loaders of the ASE platform: a runner in this process, and codes instead of exceptions."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Self

import logs
from ocr.errors import FAILED, NO_MEMORY, OcrError, RunnerUnavailable, UnreadablePhoto
from ocr.types import TextLine
from options import make_options
from runners.base import Runner
from runners.registry import RUNNERS, candidates, make
from settings import Settings
from worker.pixel_budget import PixelBudget, pixels

log = logging.getLogger("mtphotos_ocr.ase")

INPUT = "data"  # the key of the image in a request that has several items
FOREIGN = {"format", "http_listen"}
"""Keys of [wrapper] that are no settings of the reader: ours, and the one that AIservice's gRPC gateway reads."""


class Code(IntEnum):
    """What a request is answered with."""

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
"""At most 15 bytes of ASCII: longer ones are freed before V2 has read them."""


class EmptyRequest(OcrError):
    """There is no photo in the request."""

    ase_code = Code.EMPTY


class BadParameter(OcrError):
    """A parameter has a value that cannot be used."""

    ase_code = Code.BAD_PARAMETER


@dataclass(frozen=True, slots=True)
class Loaded:
    """A runner that reads, the settings that chose it, and the bound on what it reads at a time."""

    runner: Runner
    settings: Settings
    gate: PixelBudget
    answer: Callable[[Sequence[TextLine]], object]

    @classmethod
    def of(cls, settings: Settings, answer: Callable[[Sequence[TextLine]], object]) -> Self:
        """Load the chosen runner, or with `auto` the first that can be loaded; raises RunnerUnavailable."""
        wanted = make_options(settings)
        everything = replace(wanted, limits=replace(wanted.limits, min_score=0))  # each request has its own least score
        names = candidates(settings.ocr_runner, wanted)
        for name in names:
            entry = RUNNERS[name]
            try:
                runner = make(entry.runner, replace(everything, model=entry.model(wanted)))
                runner.load()
            except Exception:
                log.exception("%s cannot be loaded", name)
            else:
                return cls(runner, settings, PixelBudget(wanted.limits.max_pixels), answer)
        raise RunnerUnavailable(f"none of these can be loaded: {', '.join(names)}")


class Host:
    """A runner in this process: in an embedded interpreter there is no Python that a child could be started with."""

    def __init__(self) -> None:
        self._loaded: Loaded | None = None

    def init(self, config: Mapping[str, str]) -> int:
        """Load the runner that the section [wrapper] of aiges.toml chooses."""
        self.close()
        try:
            settings = Settings(_env_file=None, **settings_in(config))
            logs.configure(settings.log_format)
            self._loaded = Loaded.of(settings, format_in(config))
        except Exception:
            log.exception("no model could be loaded")
            return int(Code.NO_MODEL)
        log.info("ready to read on %s", self._loaded.runner.device)
        return int(Code.OK)

    def close(self) -> int:
        """Let go of the runner; requests are answered with Code.NO_MODEL from now on."""
        loaded, self._loaded = self._loaded, None
        if loaded:
            try:
                loaded.runner.close()
            except Exception:
                log.exception("the runner could not be closed")
        return int(Code.OK)

    def answer(self, params: Mapping[str, str] | None, items: Any) -> tuple[int, bytes]:
        """A code, and the JSON of the lines or of what is wrong. `items` of a request: see image_in()."""
        try:
            loaded = self._ready()
            return int(Code.OK), _json(loaded.answer(_read(loaded, params or {}, image_in(items))))
        except OcrError as error:
            code = Code(error.ase_code)
            log.info("%s: %s", PHRASES[code], error)
            return refusal(code, str(error))
        except MemoryError:
            return refusal(Code.UNREADABLE, NO_MEMORY)
        except Exception:
            log.exception("the reader failed")
            return refusal(Code.FAILED, FAILED)

    def _ready(self) -> Loaded:
        if self._loaded is None:
            raise RunnerUnavailable("no model is loaded; the log says why")
        return self._loaded


def _read(loaded: Loaded, params: Mapping[str, str], photo: bytes) -> list[TextLine]:
    if not isinstance(params, Mapping):
        raise BadParameter("parameters must be names with strings")
    megabytes = loaded.settings.ocr_max_upload_mb
    if len(photo) > megabytes * 10**6:
        raise UnreadablePhoto(f"the file has {len(photo)} bytes; up to {megabytes} MB are read (max_upload_mb)")
    least = score(params["min_score"]) if "min_score" in params else loaded.settings.ocr_min_score
    with loaded.gate.passed(pixels(photo)):
        return [line for line in loaded.runner.read(photo).lines if line.score >= least]


def image_in(items: Any) -> bytes:
    """The image in a request: its only item, whatever its key, or of several the one named INPUT.

    Items are dictionaries (V1) or objects (V2, gRPC), alone or in a sequence; an image is bytes, a bytearray or a
    memoryview. Raises EmptyRequest.
    """
    nodes = [items] if isinstance(items, Mapping) else list(items) if isinstance(items, Iterable) else []
    if len(nodes) > 1:
        nodes = [node for node in nodes if _member(node, "key") == INPUT]
    data = _member(nodes[0], "data") if nodes else None
    if not isinstance(data, bytes | bytearray | memoryview) or not len(data):
        raise EmptyRequest(f"there is no image in the request: its only item must hold it, or the one named {INPUT}")
    return bytes(data)


def _member(node: object, name: str) -> object:
    return node.get(name) if isinstance(node, Mapping) else getattr(node, name, None)


def settings_in(config: Mapping[str, str]) -> dict[str, Any]:
    """The settings (settings.py) in the section [wrapper]: engine, mmocr.det_config, and others without their OCR_."""
    found, foreign = {}, []
    for key, value in config.items():
        name = "ocr_runner" if key == "engine" else key.replace(".", "_")
        name = name if name in Settings.model_fields else f"ocr_{name}"
        if name not in Settings.model_fields:
            foreign += [key] if key not in FOREIGN else []
        elif value not in {"", None}:  # an empty one is not set
            found[name] = value
    if foreign:
        log.warning("keys of [wrapper] that are no settings of the reader: %s", ", ".join(foreign))
    return found


def score(value: str) -> float:
    """A score, 0-1; raises BadParameter."""
    with suppress(ValueError, TypeError):
        if 0 <= (number := float(value)) <= 1:
            return number
    raise BadParameter('min_score must be a string with a number from 0 to 1, such as "0.5"')


def format_in(config: Mapping[str, str]) -> Callable[[Sequence[TextLine]], object]:
    """The form of answers that the section [wrapper] chooses by `format`; raises ValueError."""
    name = config.get("format") or "lines"
    if name not in FORMATS:
        raise ValueError(f"format = {name!r}: it must be one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _lines(lines: Sequence[TextLine]) -> object:
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


def _mmocr(lines: Sequence[TextLine]) -> object:
    """The predictions of MMOCR 1.0's MMOCRInferencer for one photo."""
    answer: dict[str, object] = {"det_polygons": [_numbers(line) for line in lines]}
    scores = [line.score for line in lines]
    if any(line.text for line in lines):
        return answer | {"rec_texts": [line.text for line in lines], "rec_scores": scores}
    return answer | {"det_scores": scores}


def _readtext(lines: Sequence[TextLine]) -> object:
    """What `MMOCR(det=..., recog=None).readtext` of MMOCR 0.6 returns for one photo."""
    return [{"boundary_result": [[*_numbers(line), line.score] for line in lines]}]


def _numbers(line: TextLine) -> list[float]:
    """x1, y1, x2, y2 ..."""
    return [float(number) for number in line.polygon.ravel()]


FORMATS = {"lines": _lines, "mmocr": _mmocr, "mmocr-0.6": _readtext}


def refusal(code: Code, message: str) -> tuple[int, bytes]:
    """A code with the JSON that says the same."""
    return int(code), _json({"error": {"code": int(code), "message": message}})


def _json(answer: object) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode()
