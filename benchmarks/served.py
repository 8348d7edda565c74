"""The service, started for a benchmark on the loopback address, and the memory of a process tree."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import psutil

from worker.memory import resident

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(key: str, settings: dict[str, str], output: int | IO[str]) -> Iterator[tuple[httpx.Client, int]]:
    """The service with these settings until the block ends: a client that has the key, and its process id.

    Its output goes to `output`, as in subprocess.Popen.
    """
    port = free_port()
    ours = {"API_AUTH_KEY": key, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port)}
    command = [sys.executable, "-m", "bentoml", "serve", "service:OcrService"]
    with (
        subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=os.environ | ours | settings, stdout=output, stderr=subprocess.STDOUT
        ) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"api-key": key}, timeout=600, trust_env=False
        ) as client,
    ):
        try:
            wait_until_ready(client, process)
            yield client, process.pid
        finally:
            process.terminate()


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Return when the service is ready, however long that takes; raises RuntimeError if its process ends."""
    while process.poll() is None:
        with suppress(httpx.TransportError):
            if client.get("/readyz").status_code == httpx.codes.OK:
                return
        time.sleep(0.1)
    raise RuntimeError("the service did not start")


def read_texts(client: httpx.Client, photo: bytes) -> list[str] | str:
    """The texts of a photo, or what went wrong."""
    try:
        answer = client.post("/ocr", files={"file": ("photo", photo)})
    except httpx.TransportError as error:
        return type(error).__name__
    if answer.status_code != httpx.codes.OK or "msg" in answer.json():
        return f"{answer.status_code} {answer.text[:100]}"
    read: list[str] = answer.json()["result"]["texts"]
    return read


def tree_memory(pid: int) -> int:
    """Resident bytes of a process and all its descendants."""
    tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return sum(resident(member).now for member in tree)


@contextmanager
def sampled(pid: int) -> Iterator[list[int]]:
    """The memory of a process tree, noted at the start and five times a second while the block runs."""
    samples: list[int] = []
    done = threading.Event()

    def watch() -> None:
        samples.append(tree_memory(pid))
        while not done.wait(0.2):
            samples.append(tree_memory(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
