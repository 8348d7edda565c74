"""The BentoML service: routes and lifecycle, nothing else."""

import os
import sys
import tomllib
from pathlib import Path

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # a NAS does not report to anybody

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import logs
import metrics
import openapi
import settings
import web
import wire
from access import AccessLog
from auth import ApiKeyMiddleware
from ocr.errors import RunnerUnavailable
from ocr.types import Limits
from runners.base import Options
from runners.reader import Reader, candidates

ROOT = Path(__file__).parent
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


try:
    SETTINGS = settings.load()
except settings.SettingsError as problem:
    sys.exit(f"mtphotos-ocr cannot start: {problem}")


async def docs(_: Request) -> Response:
    """The API's description."""
    return JSONResponse(openapi.description(VERSION))


@bentoml.service(
    name="mtphotos-ocr",
    http={"host": str(SETTINGS.http_host), "port": SETTINGS.http_port},
    traffic={"timeout": 3600},  # seconds; a photo waits its turn
    logging={"access": {"enabled": False}},  # AccessLog writes the line
)
@bentoml.asgi_app(Starlette(routes=[Route("/", web.index), Route("/docs.json", docs)]), path="/")
class OcrService:
    """Reads the text in photos, for MT Photos."""

    def __init__(self) -> None:
        logs.configure(SETTINGS.log_format)
        self._reader = Reader(
            candidates(SETTINGS.ocr_runner), options(), parallel=SETTINGS.ocr_parallel, timeout=SETTINGS.ocr_timeout
        )

    @bentoml.on_deployment
    @staticmethod
    def refuse_what_cannot_work() -> None:
        """Refuse to start without a key, a free port or an engine, with one line and code 1."""
        try:
            SETTINGS.check()
            candidates(SETTINGS.ocr_runner)
        except (settings.SettingsError, RunnerUnavailable) as error:
            sys.exit(f"mtphotos-ocr cannot start: {error}")

    @bentoml.on_startup
    async def start(self) -> None:
        """Load the model, so that the first photo does not wait for it."""
        try:
            await self._reader.start()
        except RunnerUnavailable:
            logs.log.error("no runner can be loaded: /ocr answers 503 and tries again with each photo")

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """End the child process, after the last answer."""
        await self._reader.close()

    async def __metrics__(self, text: str) -> str:
        reader = self._reader
        now = metrics.snapshot(
            reading=reader.reading, waiting=reader.waiting, restarts=reader.restarts, child=reader.child
        )
        return text + now

    async def __is_ready__(self) -> bool:
        return self._reader.ready

    @bentoml.api(route="/check", input_spec=wire.NoInput, output_spec=wire.CheckAnswer)
    @wire.answers
    async def check(self) -> dict[str, object]:
        """Whether the service can be reached with this key, and what it runs on."""
        reader = self._reader
        answer = wire.CheckAnswer(
            version=VERSION,
            runner=reader.chosen,
            model=SETTINGS.ocr_model,
            device=reader.device,
            why=f"OCR_RUNNER={SETTINGS.ocr_runner}: {reader.why or 'none could be loaded yet'}",
        )
        return answer.model_dump()

    @bentoml.api(route="/ocr", input_spec=wire.OcrForm, output_spec=wire.OcrAnswer)
    @wire.answers
    async def ocr(self, file: Request) -> dict[str, object]:
        """The lines of text in a photo."""
        with metrics.outcome():
            photo = await wire.photo(file, max_bytes=SETTINGS.ocr_max_upload_mb * 10**6)
            reading = await wire.unless_gone(file, self._reader.read(photo))
        metrics.observe(reading.seconds, len(reading.lines))
        file.state.lines = len(reading.lines)
        return wire.lines_answer(reading.lines)

    @bentoml.api(route="/restart", input_spec=wire.NoInput, output_spec=wire.RestartAnswer)
    @wire.answers
    async def restart(self) -> dict[str, object]:
        """Replace the process that holds the model; photos that are being read are still answered."""
        self._reader.restart()
        return wire.RestartAnswer().model_dump()


def options() -> Options:
    """What the runner is made with, from the settings."""
    limits = Limits(
        max_side=SETTINGS.ocr_max_side,
        max_pixels=SETTINGS.ocr_max_megapixels * 10**6,
        min_score=SETTINGS.ocr_min_score,
    )
    return Options(SETTINGS.ocr_model, SETTINGS.ocr_threads, limits, SETTINGS.ocr_model_dir, SETTINGS.log_format)


for middleware, arguments in [  # the first is the outermost
    (AccessLog, {}),
    (wire.ErrorsAsJson, {}),
    (ApiKeyMiddleware, {"key": SETTINGS.api_auth_key.get_secret_value() if SETTINGS.api_auth_key else ""}),
]:
    OcrService.add_asgi_middleware(middleware, **arguments)  # type: ignore[attr-defined] # the decorator's type
