"""The BentoML service: routes and lifecycle, nothing else."""

import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import assembly
import logs
from api import bentoml_patches, metrics, openapi, page, schemas, uvicorn_patches
from api.access_log import AccessLog
from api.clip_proxy import Route as ClipRoute
from api.errors import ErrorsAsJson, answer_errors
from api.graceful_shutdown import GracefulShutdown
from api.request_line import AllowedMethods, PlainPaths
from api.uploads import wait_while_connected
from auth import ApiKeyMiddleware
from ocr.errors import RunnerUnavailable
from runners.registry import allocator_variables
from settings import SettingsError

ROOT = Path(__file__).parent
ALLOCATOR = allocator_variables(arenas=2, mmap_mib=1, trim_mib=4)
"""For the service's process: the memory of uploads is returned at once, but not that of the chunks they come in."""
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

bentoml_patches.apply()  # first: a wrong setting ends the process, and BentoML would report that
uvicorn_patches.apply()
SETTINGS = assembly.load_settings()
logs.configure(SETTINGS.log_format)


async def show_description(_: Request) -> Response:
    """The API's description."""
    return JSONResponse(openapi.describe(VERSION))


async def show_page(_: Request) -> Response:
    """The page for people."""
    return bentoml.get_current_service().render_page()


async def show_icon(_: Request) -> Response:
    """The page's icon."""
    return page.render_icon()


PAGES = [Route("/", show_page), Route("/favicon.ico", show_icon), Route("/docs.json", show_description)]


@bentoml.service(
    name="mtphotos-ocr",
    http={"host": str(SETTINGS.http_host), "port": SETTINGS.http_port},
    traffic={"timeout": 3600},  # seconds: a photo waits for its turn
    logging={"access": {"enabled": False}},  # AccessLog writes the line
    envs=[{"name": name, "value": value} for name, value in ALLOCATOR.items()],
)
@bentoml.asgi_app(Starlette(routes=PAGES), path="/")
class OcrService:
    """Reads the text in photos, for MT Photos."""

    def __init__(self) -> None:
        self._worker = assembly.make_worker_client(SETTINGS)
        self._uploads = assembly.make_upload_budget(SETTINGS)
        self._clip = assembly.make_clip_proxy(SETTINGS)
        self._shutdown = GracefulShutdown(SETTINGS.server_drain_time)

    @bentoml.on_deployment
    @staticmethod
    def check_before_start() -> None:
        """Without a key, a free port or an engine, end with one line and code 1."""
        try:
            SETTINGS.check()
            assembly.make_worker_client(SETTINGS)
        except (SettingsError, RunnerUnavailable) as error:
            sys.exit(f"mtphotos-ocr cannot start: {error}")

    @bentoml.on_startup
    async def start(self) -> None:
        """Begin to load the model, so that the first photo need not wait for it; /readyz says when it is loaded."""
        self._shutdown.watch_signals()
        self._worker.start()
        self._clip.state()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """End the worker, after the last answer."""
        await self._clip.close()
        await self._worker.close()

    def render_page(self) -> Response:
        """The page as anyone may see it; what else it shows, it asks for with the key."""
        state = self._worker.state()
        return page.render(
            version=VERSION, runner=state.runner, model=state.model, languages=state.languages, slow=bool(state.advice)
        )

    async def __metrics__(self, text: str) -> str:
        return text + metrics.snapshot(self._worker.state(), self._clip.state())

    async def __is_ready__(self) -> bool:
        return self._worker.state().ready and not self._shutdown.begun

    @bentoml.api(route="/check", input_spec=schemas.NoInput, output_spec=schemas.CheckAnswer)
    @answer_errors
    async def check(self) -> dict[str, object]:
        """Whether the service can be reached with this key, and how it is doing."""
        state = self._worker.state()
        values = asdict(state) | {
            "version": VERSION,
            "why": f"OCR_RUNNER={SETTINGS.ocr_runner}: {state.why or 'none has loaded yet'}",
            "uptime": int(state.uptime),
            "memory": {name: schemas.Megabytes.from_bytes(*memory) for name, memory in state.memory.items()},
            "clip": self._clip.state(),
        }
        return schemas.CheckAnswer(**values).model_dump()

    @bentoml.api(route="/ocr", input_spec=schemas.OcrForm, output_spec=schemas.OcrAnswer)
    @answer_errors
    async def ocr(self, file: Request) -> dict[str, object]:
        """The lines of text in a photo."""
        with metrics.count_photo():
            async with self._shutdown.bound(), self._uploads.receive(file) as photo:
                reading = await wait_while_connected(file, self._worker.read(photo))
        metrics.observe_reading(reading.seconds, len(reading.lines))
        file.state.lines = len(reading.lines)
        answer = schemas.format_lines(reading.lines)
        return answer | schemas.format_details(reading) if schemas.wants_details(file.headers) else answer

    @bentoml.api(route="/restart", input_spec=schemas.NoInput, output_spec=schemas.RestartAnswer)
    @answer_errors
    async def restart(self) -> dict[str, object]:
        """Replace the worker; photos that are being read are still answered."""
        self._worker.restart()
        self._clip.restart("/restart")
        return schemas.RestartAnswer().model_dump()

    @bentoml.api(route="/restart_v2", input_spec=schemas.NoInput, output_spec=schemas.RestartAnswer)
    @answer_errors
    async def restart_v2(self) -> dict[str, object]:
        """The same, by its newer name."""
        self._worker.restart()
        self._clip.restart("/restart_v2")
        return schemas.RestartAnswer().model_dump()

    @bentoml.api(route="/clip/img", input_spec=schemas.OcrForm, output_spec=schemas.ClipAnswer)
    @answer_errors
    async def clip_img(self, file: Request) -> Response:
        """What the CLIP service says of a photo."""
        return await self._ask_clip(file, "img")

    @bentoml.api(route="/clip/txt", input_spec=schemas.ClipText, output_spec=schemas.ClipAnswer)
    @answer_errors
    async def clip_txt(self, text: Request) -> Response:
        """What the CLIP service says of a text to search for."""
        return await self._ask_clip(text, "txt")

    async def _ask_clip(self, request: Request, route: ClipRoute) -> Response:
        with metrics.count_clip(route):
            async with self._shutdown.bound():
                return await self._clip.forward(request, route)


for middleware, arguments in [  # the first is the outermost
    (AccessLog, {}),
    (ErrorsAsJson, {}),
    (PlainPaths, {}),
    (ApiKeyMiddleware, {"key": SETTINGS.api_auth_key.get_secret_value() if SETTINGS.api_auth_key else ""}),
    (AllowedMethods, {}),
]:
    OcrService.add_asgi_middleware(middleware, **arguments)  # type: ignore[attr-defined] # the decorator's type
