"""The real thing: `make serve` in a fresh copy of the project, with the engine and the model that users get."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import psutil

from tests.fakes.project import ROOT
from tests.fakes.waiting import LONG_S, wait_until

VENV = Path(sys.executable).parent.parent


@dataclass(frozen=True)
class Served:
    """A running service: where, with which key, and what it has printed so far."""

    port: int
    key: str
    process: subprocess.Popen[str]
    log: Path
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"api-key": self.key}

    def post(self, path: str, picture: Path | None = None) -> httpx.Response:
        files = {"file": picture.read_bytes()} if picture else None
        return httpx.post(f"{self.url}{path}", headers=self.headers, files=files, timeout=LONG_S)

    def server(self) -> psutil.Process:
        """The process that answers HTTP."""
        return self._only("_bentoml_impl.worker.service", psutil.Process(self.process.pid))

    def worker(self) -> psutil.Process:
        """The process that holds the model."""
        return self._only("worker.main", self.server())

    def restarts(self) -> dict[str, int]:
        """How many workers were replaced, ended or lost, by reason."""
        counts: dict[str, int] = self.post("/check").json()["restarts"]
        return counts

    def _only(self, module: str, parent: psutil.Process) -> psutil.Process:
        children = parent.children(recursive=True)  # one that has just ended has no command line any more
        (found,) = [child for child in children if module in (child.as_dict(["cmdline"])["cmdline"] or [])]
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def copy_project(to: Path) -> None:
    """What a clone has; times of files are kept, so that make sees the environment of the tests as up to date."""
    ignored = shutil.ignore_patterns(".venv*", ".git", ".env", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, to, ignore=ignored)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without our settings, plus `more`."""
    ours = {name: value for name, value in os.environ.items() if name != "API_AUTH_KEY"}
    fixed = {"PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": "1", "OCR_NICE": "0"}  # else a busy machine starves it
    return ours | fixed | more


MAKE_SERVE = ["make", "serve", f"VENV={VENV}", "TARGET=test", f"PYTHON={sys.executable}"]


@contextlib.contextmanager
def started(
    command: list[str], folder: Path, log: Path, probe: str = "/readyz", **more: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A service that `command` starts in `folder`, with settings, until the block ends: its process and its port."""
    port = free_port()
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(HTTP_PORT=str(port), **more),
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        wait_until_ready(port, process, log, probe)
        yield process, port
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(LONG_S)


def wait_until_ready(port: int, process: subprocess.Popen[str], log: Path, probe: str = "/readyz") -> None:
    def is_ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}{probe}", timeout=LONG_S).status_code == 200
        return False

    wait_until(
        is_ready, "the service's start", while_=lambda: process.poll() is None, told=lambda: log.read_text("utf-8")
    )


def taken_in(served: Served) -> float:
    """How many photos wait, are being read, or have been since the service was started."""
    lines = httpx.get(f"{served.url}/metrics", headers=served.headers, timeout=LONG_S).text.splitlines()
    names = (
        "mtphotos_ocr_photos_reading ",
        "mtphotos_ocr_photos_waiting ",
        'mtphotos_ocr_photos_total{outcome="read"}',
    )
    return sum(float(line.split()[1]) for line in lines if line.startswith(names))


def until_taken_in(served: Served, photos: float) -> None:
    """Wait until so many photos are taken in."""
    wait_until(lambda: taken_in(served) >= photos, f"taking in {photos:g} photos")


def run(folder: Path, probe: str = "/readyz", **more: str) -> Iterator[Served]:
    """Serve from a copy of the project in `folder`, with settings, until the caller is done with it."""
    copy_project(folder)
    log = folder / "serve.log"
    more["BENTOML_HOME"] = str(folder / "home")  # BentoML empties the folder of metrics there when a service starts
    with started(MAKE_SERVE, folder, log, probe, **more) as (process, port):
        key = (folder / ".env").read_text("utf-8").strip().removeprefix("API_AUTH_KEY=")
        yield Served(port, key, process, log, folder)
