"""The image, as `docker run` starts it: `make image-test`, with docker or podman."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2 as httpx
import pytest

from tests.fakes.project import DATA, PICTURES
from tests.fakes.served import free_port

CONTAINER = os.environ.get("CONTAINER", "docker")
IMAGE = os.environ.get("IMAGE", "mtphotos-ocr:openvino")
KEY = "a-key-for-the-container"
HARDENED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
LOADED_MB = 1500
TOO_LITTLE_MB = 250


def engine(*arguments: str, check: bool = True) -> str:
    """What the container engine prints on both streams."""
    command = [CONTAINER, *arguments]
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
    return done.stdout


@dataclass(frozen=True)
class Container:
    """A container of the image: its id, and its port."""

    name: str
    port: int

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"api-key": KEY}, timeout=120)

    def until(self, what: Callable[[httpx.Client], bool]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + 90
        with self.client as client:
            while time.monotonic() < end:
                try:
                    if what(client):
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
        pytest.fail(f"it did not happen in 90 seconds:\n{self.log()}")

    def log(self) -> str:
        return engine("logs", self.name)


def ready(client: httpx.Client) -> bool:
    return client.get("/readyz").status_code == 200


def ask(client: httpx.Client, picture: str) -> httpx.Response:
    return client.post("/ocr", files={"file": (DATA / picture).read_bytes()})


def texts(client: httpx.Client, picture: str) -> list[str]:
    answer = ask(client, picture)
    assert answer.status_code == 200, answer.text
    read: list[str] = answer.json()["result"]["texts"]
    return read


@pytest.fixture
def create() -> Iterator[Callable[..., Container]]:
    """Create containers, not started yet; they are removed after the test."""
    created: list[str] = []

    def create(*options: str, key: str = KEY) -> Container:
        port = free_port()
        settings = ["-e", f"HTTP_PORT={port}", "-e", f"API_AUTH_KEY={key}", "-p", f"127.0.0.1:{port}:{port}"]
        name = engine("create", *settings, *options, IMAGE).split()[-1]
        created.append(name)
        return Container(name, port)

    yield create
    for name in created:
        engine("rm", "-f", name)


@pytest.fixture
def container(create: Callable[..., Container]) -> Container:
    """A service that may do as little as possible, ready to read."""
    made = create(*HARDENED, "--memory", f"{LOADED_MB}m")
    engine("start", made.name)
    made.until(ready)
    return made


def test_size(capsys: pytest.CaptureFixture[str]) -> None:
    size = int(engine("image", "inspect", "--format", "{{.Size}}", IMAGE)) / 1e6
    with capsys.disabled():
        print(f"\n{IMAGE}: {size:.0f} MB unpacked")
    assert size < 800


def test_it_answers_within_seconds_of_its_start(
    create: Callable[..., Container], capsys: pytest.CaptureFixture[str]
) -> None:
    made = create(*HARDENED, "--memory", f"{LOADED_MB}m")
    start = time.monotonic()
    engine("start", made.name)
    started = time.monotonic()
    made.until(lambda client: texts(client, "strip.png") == PICTURES["strip.png"])
    answered = time.monotonic()
    with capsys.disabled():
        print(f"\nstarted in {started - start:.1f} s; first answer {answered - started:.1f} s after that")


def test_what_the_image_says_of_itself() -> None:
    (image,) = json.loads(engine("image", "inspect", IMAGE))
    config = image["Config"]
    assert config["User"].split(":")[0] not in {"", "0", "root"}
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    health = config.get("Healthcheck") or image["Healthcheck"]  # podman's own place for it
    assert health["Test"] == ["CMD", "python", "-m", "api.health"]
    assert not [line for line in config["Env"] if "API_AUTH_KEY" in line or "://" in line.replace("file://", "")]


def test_it_has_no_compiler_and_is_not_root(container: Container) -> None:
    tools = "for tool in gcc cc make git uv; do command -v $tool; done; id -u"
    assert engine("exec", container.name, "sh", "-c", tools).split() == ["1034"]


def test_it_is_healthy_and_reads_what_make_serve_reads(container: Container) -> None:
    engine("exec", container.name, "python", "-m", "api.health")
    with container.client as client:
        for picture in ("receipt.png", "large.jpg", "clouds.jpg"):
            assert texts(client, picture) == PICTURES[picture]
    assert not re.search("traceback|warning:", container.log(), re.IGNORECASE)


def test_without_a_key_it_refuses_and_says_so(create: Callable[..., Container]) -> None:
    made = create(key="")
    said = engine("start", "--attach", made.name, check=False)
    assert "mtphotos-ocr cannot start: set API_AUTH_KEY to a long random text" in said
    assert engine("wait", made.name).strip() == "1"


def test_a_restart_under_load_loses_nothing(container: Container) -> None:
    with container.client as client, ThreadPoolExecutor(10) as pool:
        photos = [pool.submit(texts, client, "receipt.png") for _ in range(100)]
        for number in (20, 40, 60):
            photos[number].result()
            assert client.post("/restart").json() == {"result": "pass"}
        assert [photo.result() for photo in photos] == [PICTURES["receipt.png"]] * 100
        assert client.post("/check").json()["restarts"]["requested"] >= 2


def test_a_stop_under_load_answers_what_is_under_way(container: Container, capsys: pytest.CaptureFixture[str]) -> None:
    with container.client as client, ThreadPoolExecutor(10) as pool:
        photos = [pool.submit(texts, client, "receipt.png") for _ in range(10)]
        container.until(lambda other: "photos_waiting 8.0" in other.get("/metrics").text)
        start = time.monotonic()
        engine("stop", "-t", "30", container.name)
        seconds = time.monotonic() - start
        assert [photo.result() for photo in photos] == [PICTURES["receipt.png"]] * 10
    with capsys.disabled():
        print(f"\nstopped with ten photos under way in {seconds:.1f} s")
    assert engine("inspect", "--format", "{{.State.ExitCode}}", container.name).strip() == "0"


def test_out_of_memory_costs_answers_not_the_service(create: Callable[..., Container]) -> None:
    made = create(*HARDENED, "--memory", f"{TOO_LITTLE_MB}m")
    engine("start", made.name)
    made.until(lambda client: client.post("/check").status_code == 200)
    with made.client as client:
        answer = ask(client, "large.jpg")
        assert answer.status_code == 503
        assert "killed, as happens when memory runs out" in answer.json()["detail"]
        assert client.post("/check").json()["loaded"] is False
        engine("update", "--memory", f"{LOADED_MB}m", made.name)
        made.until(lambda other: ask(other, "strip.png").status_code == 200)
        assert texts(client, "receipt.png") == PICTURES["receipt.png"]


def test_bentomls_worker_dies_and_the_restart_policy_brings_it_back(create: Callable[..., Container]) -> None:
    made = create("--restart", "unless-stopped")
    engine("start", made.name)
    made.until(ready)
    kill = "import psutil; [p.kill() for p in psutil.process_iter() if '_bentoml_impl.worker.service' in p.cmdline()]"
    engine("exec", made.name, "python", "-c", kill)
    made.until(lambda client: made.log().count("Starting production HTTP BentoServer") == 2 and ready(client))
    with made.client as client:
        assert texts(client, "strip.png") == PICTURES["strip.png"]
