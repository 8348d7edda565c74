"""The BentoML service: routes and lifecycle, nothing else."""

import os
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # a NAS does not report to anybody

import bentoml
from bentoml._internal.utils.analytics import usage_stats
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import assembly
import logs
import settings
from api import (
    connection_limits,  # noqa: F401 - has uvicorn bound what comes before a body
    metrics,
    openapi,
    page,
    schemas,
)
from api.access_log import AccessLog
from api.graceful_shutdown import GracefulShutdown
from api.uploads import unless_gone
from auth import ApiKeyMiddleware
from ocr.errors import RunnerUnavailable
from runners.registry import allocator_variables

usage_stats.do_not_track.cache_clear()  # `bentoml serve` has asked before it came here, and keeps the answer

ROOT = Path(__file__).parent
MALLOC = allocator_variables(arenas=2, mmap_mib=1, trim_mib=4)
"""For the service's own process: the memory of uploads goes back at once, but not that of the pieces they come in."""
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

try:
    SETTINGS = settings.load()
except settings.SettingsError as problem:
    sys.exit(f"mtphotos-ocr cannot start: {problem}")
logs.configure(SETTINGS.log_format)


async def docs(_: Request) -> Response:
    """The API's description."""
    return JSONResponse(openapi.description(VERSION))


async def index(_: Request) -> Response:
    """The page for people."""
    return bentoml.get_current_service().page()


@bentoml.service(
    name="mtphotos-ocr",
    http={"host": str(SETTINGS.http_host), "port": SETTINGS.http_port},
    traffic={"timeout": 3600},  # seconds; a photo waits its turn
    logging={"access": {"enabled": False}},  # AccessLog writes the line
    envs=[{"name": name, "value": value} for name, value in MALLOC.items()],
)
@bentoml.asgi_app(Starlette(routes=[Route("/", index), Route("/docs.json", docs)]), path="/")
class OcrService:
    """Reads the text in photos, for MT Photos."""

    def __init__(self) -> None:
        self._reader = assembly.reader(SETTINGS)
        self._uploads = assembly.uploads(SETTINGS)
        self._drain = GracefulShutdown(SETTINGS.server_drain_time)

    @bentoml.on_deployment
    @staticmethod
    def refuse_what_cannot_work() -> None:
        """Refuse to start without a key, a free port or an engine, with one line and code 1."""
        try:
            SETTINGS.check()
            assembly.reader(SETTINGS)
        except (settings.SettingsError, RunnerUnavailable) as error:
            sys.exit(f"mtphotos-ocr cannot start: {error}")

    @bentoml.on_startup
    async def start(self) -> None:
        """Begin to load the model, so that the first photo need not wait for it; /readyz says when it is there."""
        self._drain.watch()
        self._reader.start()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """End the child process, after the last answer."""
        await self._reader.close()

    def page(self) -> Response:
        """What `/` shows to everybody; the rest of it asks for the key."""
        state = self._reader.state()
        return page.page(version=VERSION, runner=state.runner, model=state.model)

    async def __metrics__(self, text: str) -> str:
        return text + metrics.snapshot(self._reader.state())

    async def __is_ready__(self) -> bool:
        return self._reader.state().ready and not self._drain.begun

    @bentoml.api(route="/check", input_spec=schemas.NoInput, output_spec=schemas.CheckAnswer)
    @schemas.answers
    async def check(self) -> dict[str, object]:
        """Whether the service can be reached with this key, and how it is."""
        state = self._reader.state()
        known = asdict(state) | {
            "version": VERSION,
            "why": f"OCR_RUNNER={SETTINGS.ocr_runner}: {state.why or 'none could be loaded yet'}",
            "uptime": int(state.uptime),
            "memory": {name: schemas.Megabytes.of(*memory) for name, memory in state.memory.items()},
        }
        return schemas.CheckAnswer(**known).model_dump()

    @bentoml.api(route="/ocr", input_spec=schemas.OcrForm, output_spec=schemas.OcrAnswer)
    @schemas.answers
    async def ocr(self, file: Request) -> dict[str, object]:
        """The lines of text in a photo."""
        with metrics.outcome():
            async with self._drain.bounded(), self._uploads.photo(file) as photo:
                reading = await unless_gone(file, self._reader.read(photo))
        metrics.observe(reading.seconds, len(reading.lines))
        file.state.lines = len(reading.lines)
        answer = schemas.lines_answer(reading.lines)
        return answer | schemas.details(reading) if schemas.wants_details(file.headers) else answer

    @bentoml.api(route="/restart", input_spec=schemas.NoInput, output_spec=schemas.RestartAnswer)
    @schemas.answers
    async def restart(self) -> dict[str, object]:
        """Replace the process that holds the model; photos that are being read are still answered."""
        self._reader.restart()
        return schemas.RestartAnswer().model_dump()

    @bentoml.api(route="/restart_v2", input_spec=schemas.NoInput, output_spec=schemas.RestartAnswer)
    @schemas.answers
    async def restart_v2(self) -> dict[str, object]:
        """The same, by its newer name."""
        self._reader.restart()
        return schemas.RestartAnswer().model_dump()


for middleware, arguments in [  # the first is the outermost
    (AccessLog, {}),
    (schemas.ErrorsAsJson, {}),
    (ApiKeyMiddleware, {"key": SETTINGS.api_auth_key.get_secret_value() if SETTINGS.api_auth_key else ""}),
]:
    OcrService.add_asgi_middleware(middleware, **arguments)  # type: ignore[attr-defined] # the decorator's type
