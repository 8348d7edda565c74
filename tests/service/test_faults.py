"""What clients see when something goes wrong, and that the next photo is read all the same."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

from ocr.model_files import locate
from tests.fakes.project import DATA, PICTURES
from tests.fakes.served import Served, run, taken_in, until_taken_in, wait_until_ready
from tests.fakes.waiting import LONG_S, wait_until

RECEIPT = DATA / "receipt.png"
LARGE = DATA / "large.jpg"
TEXTS = PICTURES["receipt.png"]
TIMEOUT_S, IDLE_S, DRAIN_S = 20, 5, 8


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that reads one photo at a time, has little room and little patience."""
    settings = {
        "OCR_PARALLEL": "1",
        "OCR_QUEUE": "2",
        "OCR_TIMEOUT": str(TIMEOUT_S),
        "SERVER_RESTART_TIME": str(IDLE_S),
        "SERVER_DRAIN_TIME": str(DRAIN_S),
    }
    yield from run(tmp_path_factory.mktemp("narrow") / "project", **settings)


def texts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    read: list[str] = answer.json()["result"]["texts"]
    return read


def probe(served: Served, path: str) -> int:
    """The status of a probe, which is answered whatever goes on."""
    return httpx.get(f"{served.url}{path}", timeout=LONG_S).status_code


def test_photos_over_the_bound_are_refused_at_once_until_later(narrow: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: narrow.post("/ocr", LARGE), range(8)))
    assert {answer.status_code for answer in answers} == {200, 503}
    read = [answer for answer in answers if answer.status_code == 200]
    assert len(read) >= 3
    assert all(answer.json()["result"]["texts"] == PICTURES["large.jpg"] for answer in read)
    over = [answer for answer in answers if answer.status_code != 200]
    assert len(over) >= 1
    for answer in over:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "OCR_QUEUE" in answer.json()["detail"]
    metrics = httpx.get(f"{narrow.url}/metrics", headers=narrow.headers, timeout=LONG_S).text
    assert f'mtphotos_ocr_photos_total{{outcome="queue_full"}} {len(over)}.0' in metrics
    assert texts(narrow.post("/ocr", RECEIPT)) == TEXTS


def test_a_worker_that_hangs_costs_its_photo_a_504_and_no_other_anything(narrow: Served) -> None:
    narrow.post("/ocr", RECEIPT)
    worker = narrow.worker()
    worker.suspend()
    with ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(narrow.post, "/ocr", RECEIPT)

        def is_done() -> bool:
            assert probe(narrow, "/readyz") == probe(narrow, "/livez") == 200  # what comes next will be read
            return hanging.done()

        wait_until(is_done)
    assert hanging.result().status_code == 504
    assert "OCR_TIMEOUT" in hanging.result().json()["detail"]
    assert texts(narrow.post("/ocr", RECEIPT)) == TEXTS
    assert not worker.is_running()


def test_after_a_while_without_photos_the_memory_is_given_back_whatever_else_is_asked(narrow: Served) -> None:
    assert texts(narrow.post("/ocr", RECEIPT)) == TEXTS
    worker = narrow.worker()

    def has_ended() -> bool:
        assert narrow.post("/check").json()["result"] == "pass"
        wrong = httpx.post(f"{narrow.url}/ocr", headers={"api-key": "wrong"}, files={"file": b"x"}, timeout=LONG_S)
        assert (wrong.status_code, narrow.post("/nowhere").status_code) == (401, 404)
        return not worker.is_running()

    wait_until(has_ended, "the end of the idle worker")
    checked = narrow.post("/check").json()
    assert (checked["loaded"], checked["memory"]["worker"]["now"]) == (False, 0)
    assert checked["memory"]["worker"]["peak"] > 100  # MB
    assert checked["restarts"]["idle"] >= 1
    assert probe(narrow, "/readyz") == probe(narrow, "/livez") == 200
    assert texts(narrow.post("/ocr", RECEIPT)) == TEXTS
    assert narrow.post("/check").json()["loaded"]


def test_a_model_that_cannot_be_loaded_is_reported_quickly_and_a_restart_loads_it_when_it_is_mended(
    tmp_path: Path,
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "det.onnx").write_bytes(b"no model")
    (models / "rec.onnx").write_bytes(b"no model")
    for broken in run(tmp_path / "project", "/livez", OCR_MODEL_DIR=str(models)):
        for _ in range(2):
            answer = broken.post("/ocr", RECEIPT)
            assert answer.status_code == 503
            assert "cannot be loaded" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) > 0
            assert probe(broken, "/readyz") == 503
            assert probe(broken, "/livez") == 200
        files = locate("ppocrv6")
        shutil.copy(files.detector, models / "det.onnx")
        shutil.copy(files.recognizer, models / "rec.onnx")
        assert broken.post("/restart_v2").json() == {"result": "pass"}
        wait_until_ready(broken.port, broken.process, broken.log)
        assert texts(broken.post("/ocr", RECEIPT)) == TEXTS
        assert log_is_discreet(broken)


def test_the_service_ends_in_time_even_if_photos_hang(narrow: Served) -> None:
    narrow.post("/ocr", RECEIPT)
    family = [narrow.server(), narrow.worker()]
    narrow.worker().suspend()
    before = taken_in(narrow)
    with ThreadPoolExecutor(3) as pool:
        hanging = [pool.submit(narrow.post, "/ocr", RECEIPT) for _ in range(3)]
        until_taken_in(narrow, before + 3)
        narrow.process.terminate()
        wait_until(lambda: probe(narrow, "/readyz") != 200)
        late = narrow.post("/ocr", RECEIPT)
        assert (late.status_code, probe(narrow, "/livez")) == (503, 200)  # answered, although the service is stopping
        assert not any(future.done() for future in hanging)
        answers = [late, *(future.result() for future in hanging)]
    assert [answer.status_code for answer in answers] == [503] * 4  # not 504: it did not wait for OCR_TIMEOUT
    assert all("stopping" in answer.json()["detail"] for answer in answers)
    narrow.process.wait(LONG_S)
    assert psutil.wait_procs(family, LONG_S)[1] == []


def log_is_discreet(served: Served) -> bool:
    """Whether the log has neither key (but for the line that prints it) nor text (but for prices, which times are)."""
    log = served.log.read_text("utf-8").replace(f"API key: {served.key}\n", "", 1)
    return served.key not in log and not any(text in log for text in TEXTS if len(text) > 5)


def test_no_fault_has_brought_text_or_key_into_the_log(narrow: Served) -> None:
    assert log_is_discreet(narrow)
