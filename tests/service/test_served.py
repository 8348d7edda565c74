"""End to end on `make serve`."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import pytest
from PIL import Image

from tests.fakes import documents
from tests.fakes.pictures import KINDS, OTHERS
from tests.fakes.project import DATA, PICTURES, ROOT
from tests.fakes.served import (
    Served,
    environment,
    free_port,
    started,
    taken_in,
    until_taken_in,
    wait_until_ready,
)
from tests.fakes.waiting import LONG_S, wait_until

RECEIPT = DATA / "receipt.png"
LARGE = DATA / "large.jpg"


def read(served: Served, picture: Path) -> list[str]:
    with picture.open("rb") as file:
        answer = httpx.post(f"{served.url}/ocr", headers=served.headers, files={"file": file}, timeout=LONG_S)
    assert answer.status_code == 200
    texts: list[str] = answer.json()["result"]["texts"]
    return texts


def test_it_prints_what_mt_photos_needs(served: Served) -> None:
    log = served.log.read_text("utf-8")
    assert re.search(rf"Address: http://\S+:{served.port}\n", log)
    assert f"API key: {served.key}\n" in log


def test_the_log_names_the_address_once_and_has_one_format(served: Served) -> None:
    served.post("/check")
    log = served.log.read_text("utf-8")
    assert log.count(f":{served.port}") == 1
    assert "request=-" not in log
    stamped = re.findall(r"^\d{4}-\d\d-\d\dT\S+ (.*)$", log, re.MULTILINE)
    assert len(stamped) > 3
    assert all(re.match(r"(INFO|WARNING|ERROR) [\w.]+ \S", line) for line in stamped), stamped


@pytest.mark.parametrize("picture", ["receipt.png", "large.jpg", "clouds.jpg"])
def test_a_picture_comes_back_as_its_text(served: Served, picture: str) -> None:
    assert read(served, DATA / picture) == PICTURES[picture]


@pytest.mark.parametrize("kind", ["heic", "avif", "raw", "gif", "tiff 16 bit", "png light on nothing"])
def test_a_receipt_is_read_from_any_kind_of_file(served: Served, kind: str) -> None:
    with Image.open(RECEIPT) as receipt:
        file = KINDS[kind](receipt.convert("RGB"))
    answer = httpx.post(f"{served.url}/ocr", headers=served.headers, files={"file": file}, timeout=LONG_S)
    assert answer.json()["result"]["texts"] == PICTURES["receipt.png"]


def test_a_film_is_named(served: Served) -> None:
    answer = httpx.post(f"{served.url}/ocr", headers=served.headers, files={"file": OTHERS["mp4"]}, timeout=LONG_S)
    assert answer.status_code == 200
    assert answer.json()["result"] == []
    assert "MPEG-4" in answer.json()["msg"]


def test_utf8_is_not_escaped(served: Served) -> None:
    with (DATA / "chinese.png").open("rb") as file:
        answer = httpx.post(f"{served.url}/ocr", headers=served.headers, files={"file": file}, timeout=LONG_S)
    assert "北京欢迎您" in answer.content.decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_ipv4_and_ipv6(served: Served, host: str) -> None:
    if host == "[::1]" and not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 on this machine")
    assert (
        httpx.post(f"http://{host}:{served.port}/check", headers=served.headers, timeout=LONG_S).json()["result"]
        == "pass"
    )


def test_concurrent_requests_each_get_their_own_answer(served: Served) -> None:
    pictures = ["receipt.png", "accents.png", "clouds.jpg", "dark.png"] * 5
    with ThreadPoolExecutor(10) as pool:
        texts = list(pool.map(lambda picture: read(served, DATA / picture), pictures))
    assert texts == [PICTURES[picture] for picture in pictures]


def test_check_answers_at_once_while_photos_are_read(served: Served) -> None:
    worker, before = served.worker(), taken_in(served)
    with ThreadPoolExecutor(8) as pool:
        worker.suspend()  # no photo can be done before /check has answered
        try:
            reading = [pool.submit(read, served, LARGE) for _ in range(8)]
            until_taken_in(served, before + 8)
            for _ in range(10):
                answer = httpx.post(f"{served.url}/check", headers=served.headers, timeout=LONG_S)
                assert answer.json()["result"] == "pass"
            assert not any(future.done() for future in reading)
        finally:
            worker.resume()
        assert [future.result() for future in reading] == [PICTURES["large.jpg"]] * 8


def restart(served: Served) -> None:
    """Ask for a restart and wait until the worker has been replaced."""
    before = served.restarts()["requested"]
    assert served.post("/restart").json() == {"result": "pass"}
    wait_until(lambda: served.restarts()["requested"] > before, "the restart")


def test_restart_under_load_loses_nothing_and_replaces_the_worker(served: Served) -> None:
    before, taken = served.worker(), taken_in(served)
    with ThreadPoolExecutor(6) as pool:
        reading = [pool.submit(read, served, RECEIPT) for _ in range(18)]
        until_taken_in(served, taken + 6)
        restart(served)
        restart(served)
        texts = [future.result() for future in reading]
    assert texts == [PICTURES["receipt.png"]] * 18
    assert psutil.wait_procs([before], LONG_S)[1] == []


def test_a_killed_worker_is_replaced_and_its_photos_are_read(served: Served) -> None:
    worker, taken, died = served.worker(), taken_in(served), served.restarts()["died"]
    worker.suspend()  # until it is killed: it still has all four
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read, served, RECEIPT) for _ in range(4)]
        until_taken_in(served, taken + 4)
        worker.kill()
        assert [future.result() for future in reading] == [PICTURES["receipt.png"]] * 4
    assert served.restarts()["died"] == died + 1
    assert served.worker().pid != worker.pid


def test_each_process_has_the_allocators_settings_that_were_measured_for_it(served: Served) -> None:
    arenas = [process.environ().get("MALLOC_ARENA_MAX") for process in (served.server(), served.worker())]
    assert arenas == ["2", "1"]  # of service.py, and of the runner openvino


def test_without_a_key_it_refuses_to_start_with_one_line(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "service:OcrService", "--working-dir", str(ROOT)],
        cwd=tmp_path,
        env=environment(HTTP_PORT=str(free_port())),
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert ran.returncode == 1
    assert "mtphotos-ocr cannot start: set API_AUTH_KEY to a long random text" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What `bentoml serve` serves without make, until a test ends it."""
    log = tmp_path_factory.mktemp("alone") / "serve.log"
    with started([sys.executable, "-m", "bentoml", "serve"], ROOT, log, API_AUTH_KEY="key") as (process, port):
        yield Served(port, "key", process, log, ROOT)


def test_bentoml_serve_alone_serves_the_same(alone: Served) -> None:
    assert alone.post("/check").json()["result"] == "pass"


def test_a_killed_server_takes_its_worker_along_and_is_replaced(alone: Served) -> None:
    server, worker = alone.server(), alone.worker()
    server.kill()
    assert psutil.wait_procs([server, worker], LONG_S)[1] == []
    wait_until_ready(alone.port, alone.process, alone.log)
    assert read(alone, RECEIPT) == PICTURES["receipt.png"]


def test_sigterm_answers_what_is_in_flight_and_leaves_nothing_behind(alone: Served) -> None:
    family = [alone.server(), alone.worker()]
    with ThreadPoolExecutor(10) as pool:
        reading = [pool.submit(read, alone, picture) for picture in [LARGE, RECEIPT] * 5]
        until_taken_in(alone, 10)
        os.killpg(alone.process.pid, signal.SIGTERM)
        texts = [future.result() for future in reading]
    assert texts == [PICTURES["large.jpg"], PICTURES["receipt.png"]] * 5
    alone.process.wait(LONG_S)
    assert psutil.wait_procs(family, LONG_S)[1] == []


def test_a_client_that_hangs_up_leaves_its_place_to_the_next(served: Served) -> None:
    worker = served.worker()
    worker.suspend()
    for _ in range(12):  # more than there are places: what nobody waits for any more is not read
        with contextlib.suppress(httpx.TimeoutException):
            httpx.post(f"{served.url}/ocr", headers=served.headers, files={"file": LARGE.read_bytes()}, timeout=0.2)
    worker.resume()
    wait_until(lambda: served.log.read_text("utf-8").count("the client hung up") >= 10, "hanging up")
    assert read(served, RECEIPT) == PICTURES["receipt.png"]


CHUNKED = b"POST /ocr HTTP/1.1\r\nhost: x\r\napi-key: KEY\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"GET /", b"x" * 10_000),
        (b"POST /ocr HTTP/1.1\r\nhost: x\r\na: ", b"y" * 10_000),
        (b"POST /ocr HTTP/1.1\r\nhost: x\r\n", b"a: " + b"y" * 10_000 + b"\r\n"),
        (CHUNKED + b"0\r\n", b"a: " + b"y" * 10_000 + b"\r\n"),
        (CHUNKED + b"5;a=", b"y" * 10_000),
    ],
    ids=["path", "header", "headers", "trailers", "extension of a chunk"],
)
def test_what_comes_without_end_beside_a_body_is_cut_off(served: Served, begin: bytes, again: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), LONG_S) as sender:
        sender.sendall(begin.replace(b"KEY", served.key.encode()))
        with pytest.raises(ConnectionError):
            sender.sendall(again * 2000)  # 20 MB
    assert httpx.get(f"{served.url}/livez", timeout=LONG_S).status_code == 200


def test_a_wrong_setting_is_one_line_too(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "service:OcrService", "--working-dir", str(ROOT)],
        cwd=tmp_path,
        env=environment(API_AUTH_KEY="key", OCR_RUNNER="tpu"),
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert ran.returncode == 1
    assert "mtphotos-ocr cannot start: change OCR_RUNNER: it must be 'auto', 'openvino'" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("readme", documents.both("README"))
def test_the_curl_of_the_readme_gives_the_answer_that_it_shows(served: Served, readme: str) -> None:
    blocks = documents.blocks(documents.read(readme), "sh", "json")
    (curl,) = [block for block in blocks if block.startswith("curl ")]
    answer = blocks[blocks.index(curl) + 1]
    command = curl.replace("localhost:8000", f"localhost:{served.port}").replace("YOUR_KEY", shlex.quote(served.key))
    printed = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    got, shown = json.loads(printed)["result"], json.loads(answer)["result"]
    assert got["texts"] == shown["texts"]
    for value, expected in zip(numbers(got), numbers(shown), strict=True):
        assert abs(value - expected) < 2  # pixels: processors differ in the last digits


def numbers(result: dict[str, Any]) -> list[float]:
    return [float(value) for row in [result["scores"], *(box.values() for box in result["boxes"])] for value in row]
