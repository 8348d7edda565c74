"""The programs of examples/, run as their users run them."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ocr.formats import READABLE_FORMATS
from tests.fakes.project import DATA, PICTURES, ROOT
from tests.fakes.served import Served, environment, free_port
from tests.fakes.waiting import LONG_S

EXAMPLES = ROOT / "examples"
COMMANDS = {
    "curl.sh": ["bash", str(EXAMPLES / "curl.sh")],
    "bentoml_client.py": [sys.executable, str(EXAMPLES / "bentoml_client.py")],
    "folder.py": [sys.executable, str(EXAMPLES / "folder.py")],
}
NOT_A_PICTURE = f"no picture can be read from the file: what it is cannot be told; {READABLE_FORMATS}"


def run(example: str, *arguments: Path | str, url: str, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMANDS[example], *map(str, arguments)],
        env=environment(API_AUTH_KEY=key, OCR_ADDRESS=url),
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )


def lines(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """The lines of folder.py: its texts or its error by photo."""
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    return {row.pop("photo"): row for row in rows}


def unspaced(texts: Iterable[str]) -> list[str]:
    """Texts without their blanks: between Chinese or Japanese words the model sees none."""
    return ["".join(text.split()) for text in texts]


@pytest.fixture
def not_a_picture(tmp_path: Path) -> Path:
    path = tmp_path / "notes.jpg"
    path.write_text("milk, bread", "utf-8")
    return path


def test_curl_checks_the_key_and_reads_a_photo(served: Served, tmp_path: Path) -> None:
    photo = tmp_path / 'a, b; "c".png'
    shutil.copy(DATA / "receipt.png", photo)
    done = run("curl.sh", photo, url=served.url, key=served.key)
    assert (done.returncode, done.stderr) == (0, "")
    check, reading = map(json.loads, done.stdout.splitlines())
    assert check["result"] == "pass"
    assert reading["result"]["texts"] == PICTURES["receipt.png"]


def test_bentomls_client_prints_each_text_with_score_and_box(served: Served) -> None:
    done = run("bentoml_client.py", DATA / "chinese.png", url=served.url, key=served.key)
    assert done.returncode == 0, done.stderr
    scores, places, sizes, texts = zip(*(row.split("  ") for row in done.stdout.splitlines()), strict=True)
    assert unspaced(texts) == unspaced(PICTURES["chinese.png"])
    assert all(0.5 <= float(score) <= 1 for score in scores)
    assert all(float(side) >= 0 for place in places for side in place.split(","))
    assert all(float(side) > 0 for size in sizes for side in size.split(" x "))


def test_bentomls_client_prints_nothing_for_a_photo_without_text(served: Served) -> None:
    done = run("bentoml_client.py", DATA / "clouds.jpg", url=served.url, key=served.key)
    assert (done.returncode, done.stdout) == (0, "")


def test_bentomls_client_says_why_a_file_cannot_be_read(served: Served, not_a_picture: Path) -> None:
    done = run("bentoml_client.py", not_a_picture, url=served.url, key=served.key)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{not_a_picture}: {NOT_A_PICTURE}" in done.stderr


def test_folder_reads_what_is_there_and_says_what_is_wrong_with_the_rest(served: Served, not_a_picture: Path) -> None:
    folder = not_a_picture.parent
    (folder / "2024" / "trip").mkdir(parents=True)
    shutil.copy(DATA / "accents.png", folder / "2024" / "trip" / "旅.PNG")
    shutil.copy(DATA / "clouds.jpg", folder / "2024")
    shutil.copy(DATA / "pictures.json", folder)
    done = run("folder.py", folder, "--parallel", "2", url=served.url, key=served.key)
    assert done.returncode == 1
    assert lines(done) == {
        "2024/clouds.jpg": {"texts": []},
        "2024/trip/旅.PNG": {"texts": PICTURES["accents.png"]},
        "notes.jpg": {"error": NOT_A_PICTURE},
    }
    assert "3/3" in done.stderr  # the bar


@pytest.mark.parametrize(
    ("example", "code", "told"),
    [("curl.sh", 22, "Invalid API key"), ("bentoml_client.py", 1, "is API_AUTH_KEY right?"), ("folder.py", 1, "401")],
)
def test_a_wrong_key_is_told(example: str, code: int, told: str, served: Served) -> None:
    done = run(example, DATA if example == "folder.py" else DATA / "strip.png", url=served.url, key="wrong")
    assert done.returncode == code
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("example", "code"), [("curl.sh", 7), ("bentoml_client.py", 1), ("folder.py", 1)])
def test_a_service_that_is_not_there_is_told(example: str, code: int) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run(example, DATA if example == "folder.py" else DATA / "strip.png", url=url, key="key")
    assert (done.returncode, done.stdout.strip()) == (code, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


class Busy(BaseHTTPRequestHandler):
    """Answers the first photo with a 503 that names the seconds to wait, and every photo after it."""

    protocol_version = "HTTP/1.1"
    photos = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.__class__.photos += self.path == "/ocr"
        body = b'{"result":{"texts":["at last"]}}' if self.photos > 1 else b'{"detail":"busy"}'
        self.send_response(503 if self.photos == 1 else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        pass


@pytest.fixture
def busy() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_folder_asks_a_busy_service_again(busy: str, tmp_path: Path) -> None:
    shutil.copy(DATA / "strip.png", tmp_path)
    done = run("folder.py", tmp_path, url=busy, key="key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines(done) == {"strip.png": {"texts": ["at last"]}}
    assert Busy.photos == 2
