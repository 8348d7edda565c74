"""What MT Photos sends and gets."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

import logs
from runners.registry import LIGHTER
from tests.fakes import runner as fakes
from tests.fakes.project import KEY


def read(client: TestClient, photo: bytes) -> dict[str, object]:
    answer = client.post("/ocr", files={"file": ("photo.png", photo)})
    assert answer.status_code == 200
    body: dict[str, object] = answer.json()
    return body


def test_check(client: TestClient) -> None:
    answer = client.post("/check").json()
    assert answer.pop("version").count(".") == 2
    assert answer.pop("uptime") >= 0
    assert answer.pop("photos") >= 0
    assert set(answer.pop("restarts")) == {"requested", "idle", "memory", "died", "timed_out", "failed"}
    assert answer.pop("advice") in {"", LIGHTER}  # by the processor
    memory = answer.pop("memory")
    assert list(memory) == ["service", "worker"]
    assert all(20 < process["now"] <= process["peak"] for process in memory.values())
    assert answer == {
        "result": "pass",
        "title": "mtphotos-ocr",
        "runner": "openvino",
        "model": "ppocrv6",
        "languages": ["Chinese", "Japanese", "English", "Latin letters"],
        "device": "paint box",
        "why": "OCR_RUNNER=auto: openvino could be loaded",
        "loaded": True,
        "optimisations": ["broad brush"],
        "clip": "not set",
    }


@pytest.mark.parametrize("body", [b"", b"t=1", b"{", b"\xff\x00"])
def test_check_and_restart_do_not_mind_what_comes_along(client: TestClient, body: bytes) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "x/y", ""):
        for path in ("/check?t=123", "/restart", "/restart_v2"):
            answer = client.post(path, content=body, headers={"content-type": kind})
            assert (answer.status_code, answer.json()["result"]) == (200, "pass")


def test_a_photo_with_text(client: TestClient) -> None:
    answer = client.post("/ocr", files={"file": ("photo.png", fakes.photo((1, 2, 3), (40, 30)))})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "result": {
            "texts": ["#010203"],
            "scores": ["0.99"],
            "boxes": [{"x": "0.0", "y": "0.0", "width": "40.0", "height": "30.0"}],
        }
    }


def test_who_prefers_details_gets_them_beside_the_same_result(client: TestClient) -> None:
    photo = {"file": ("photo.png", fakes.photo((1, 2, 3), (40, 30)))}
    plain = client.post("/ocr", files=photo)
    for preference in ("details", "respond-async, Details"):
        detailed = client.post("/ocr", files=photo, headers={"prefer": preference}).json()
        details = detailed.pop("details")
        assert detailed == plain.json()
        assert (details["width"], details["height"]) == (40, 30)
        assert details["polygons"] == [[[0, 0], [40, 0], [40, 30], [0, 30]]]
        assert details["seconds"]["decode"] == 0.25
        assert set(details["seconds"]) == {"decode", "wait"}


@pytest.mark.parametrize("headers", [{}, {"prefer": "return=minimal"}, {"prefer": "detailsx"}])
def test_without_that_the_answer_is_byte_for_byte_the_one_for_mt_photos(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.post("/ocr", files={"file": ("photo.png", fakes.photo((1, 2, 3), (40, 30)))}, headers=headers)
    assert answer.content == (
        b'{"result":{"texts":["#010203"],"scores":["0.99"],'
        b'"boxes":[{"x":"0.0","y":"0.0","width":"40.0","height":"30.0"}]}}'
    )


def test_details_of_what_cannot_be_read_are_none(client: TestClient) -> None:
    answer = client.post("/ocr", files={"file": ("photo.png", b"no photo")}, headers={"prefer": "details"}).json()
    assert set(answer) == {"result", "msg"}
    empty = client.post("/ocr", files={"file": fakes.photo(fakes.BLANK)}, headers={"prefer": "details"}).json()
    assert empty["details"]["polygons"] == []
    assert empty["details"]["width"] == 40


def test_a_photo_without_text(client: TestClient) -> None:
    assert read(client, fakes.photo(fakes.BLANK)) == {"result": {"texts": [], "scores": [], "boxes": []}}


@pytest.mark.parametrize("file", [b"", b"not a photo", fakes.photo((1, 2, 3))[:40]])
def test_an_unreadable_file_says_why(client: TestClient, file: bytes) -> None:
    body = read(client, file)
    assert body["result"] == []
    assert "picture" in str(body["msg"])


def test_many_at_once_each_get_their_own_answer(client: TestClient) -> None:
    colours = [(7 * index, 100, 50) for index in range(30)]
    with ThreadPoolExecutor(10) as pool:
        bodies = list(pool.map(lambda colour: read(client, fakes.photo(colour)), colours))
    assert [body["result"]["texts"] for body in bodies] == [[fakes.name(colour)] for colour in colours]  # type: ignore[index]


def test_restart_loses_nothing(client: TestClient) -> None:
    with ThreadPoolExecutor(6) as pool:
        reading = [pool.submit(read, client, fakes.photo(fakes.SLOW)) for _ in range(4)]
        assert client.post("/restart").json() == {"result": "pass"}
        reading += [pool.submit(read, client, fakes.photo((5, 5, 5)))]
        bodies = [future.result() for future in reading]
    assert [body["result"]["texts"] for body in bodies] == [["#0000ff"]] * 4 + [["#050505"]]  # type: ignore[index]


def test_a_photo_that_crashes_the_reader_gets_a_message_and_the_next_its_text(client: TestClient) -> None:
    assert "crashed" in str(read(client, fakes.photo(fakes.KILLS))["msg"])
    assert read(client, fakes.photo((5, 5, 5)))["result"]


def test_a_photo_for_which_the_memory_does_not_suffice_is_to_come_again_and_the_next_gets_its_text(
    client: TestClient,
) -> None:
    answer = client.post("/ocr", files={"file": ("photo.png", fakes.photo(fakes.HUNGRY))})
    assert (answer.status_code, int(answer.headers["retry-after"])) == (503, 30)
    assert "not enough memory" in answer.json()["detail"]
    assert read(client, fakes.photo((5, 5, 5)))["result"]


def test_a_card_that_breaks_costs_a_photo_that_breaks_it_twice_a_500_and_the_next_nothing(client: TestClient) -> None:
    before = client.post("/check").json()["restarts"]["failed"]
    answer = client.post("/ocr", files={"file": ("photo.png", fakes.photo(fakes.BREAKS))})
    assert answer.status_code == 500
    assert "CUDA" not in answer.text
    assert read(client, fakes.photo((5, 5, 5)))["result"]
    assert client.post("/check").json()["restarts"]["failed"] == before + 2


def test_a_failing_reader_is_a_500_without_a_stack_trace(client: TestClient) -> None:
    answer = client.post("/ocr", files={"file": ("photo.png", fakes.photo(fakes.FAILS))})
    assert answer.status_code == 500
    assert list(answer.json()) == ["detail"]
    assert "Traceback" not in answer.text
    assert "green" not in answer.text


def test_the_log_has_a_line_per_request_without_text_and_key(
    client: TestClient, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    logs.log.addHandler(caplog.handler)
    caplog.clear()
    read(client, fakes.photo((1, 2, 3)))
    client.post("/ocr%0a%1b[31m", headers={"api-key": "wrong"})
    read(client, b"no photo")
    first, second, reason, third = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"POST /ocr 200 \d+\.\d{3}s bytes=\d+ lines=1", first)
    assert re.fullmatch(r"POST /ocr\S* 401 \d+\.\d{3}s bytes=0", second)
    assert "\x1b" not in second
    assert reason.startswith("unreadable: no picture can be read")
    assert re.fullmatch(r"POST /ocr 200 \S+ bytes=\d+", third)
    logs.log.removeHandler(caplog.handler)
    assert KEY not in caplog.text
    assert "#010203" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("path", ["/check", "/nowhere", "/livez"])
def test_every_answer_carries_the_id_of_its_request(client: TestClient, path: str) -> None:
    for good in ("photo-17.a_b", "x" * 64):
        assert client.post(path, headers={"x-request-id": good}).headers["x-request-id"] == good
    for bad in (b"", b"a b", b"x" * 65, b"\xfc", b"<script>"):
        name = client.post(path, headers={b"x-request-id": bad}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", name)
