"""What the loaders are owed, whatever they send."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import ase.wrapper
from ase.host import Code, Host, settings_in
from runners.registry import RUNNERS, Entry
from tests.fakes import runner as fakes
from tests.fakes.loaders import LOADERS, V1, V2, Loader

ENGINE = {"engine": "onnx", "log.level": "info", "http_listen": "0.0.0.0:1888"}
GREY = (90, 91, 92)


@pytest.fixture(autouse=True)
def _fake_runners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNNERS, "onnx", Entry("tests.fakes.runner:ColourRunner", ["numpy"]))
    monkeypatch.setitem(RUNNERS, "openvino", Entry("tests.fakes.runner:UnloadableRunner", ["numpy"]))


def lines(answer: tuple[int, bytes]) -> list[dict[str, Any]]:
    code, body = answer
    assert code == 0
    told = json.loads(body)
    assert set(told) == {"lines"}
    found: list[dict[str, Any]] = told["lines"]
    return found


def problem(answer: tuple[int, bytes]) -> tuple[int, str]:
    code, body = answer
    (error,) = json.loads(body).values()
    assert error["code"] == code
    return code, error["message"]


def test_a_photo_is_answered_with_its_lines(loader: Loader) -> None:
    assert loader.init(ENGINE) == 0
    (line,) = lines(loader.read(fakes.photo(GREY, (40, 30))))
    assert line == {
        "polygon": [[0, 0], [40, 0], [40, 30], [0, 30]],
        "box": {"x": 0, "y": 0, "width": 40, "height": 30},
        "text": fakes.name(GREY),
        "score": 0.987,
    }


def test_a_photo_without_text_has_no_lines(loader: Loader) -> None:
    loader.init(ENGINE)
    assert lines(loader.read(fakes.photo(fakes.BLANK))) == []


@pytest.mark.parametrize(
    ("photo", "params", "code", "message"),
    [
        (b"", {}, Code.EMPTY, "no image under the key data"),
        (b"no picture", {}, Code.UNREADABLE, "picture"),
        (fakes.photo(fakes.HUNGRY), {}, Code.UNREADABLE, "memory"),
        (b"\0" * 1_000_001, {}, Code.UNREADABLE, "up to 1 MB are read"),
        (fakes.photo(GREY, (1200, 1000)), {}, Code.UNREADABLE, "1 megapixels"),
        (fakes.photo(fakes.FAILS), {}, Code.FAILED, "log"),
        (fakes.photo(GREY), {"min_score": "much"}, Code.BAD_PARAMETER, "min_score"),
        (fakes.photo(GREY), {"min_score": "nan"}, Code.BAD_PARAMETER, "min_score"),
        (fakes.photo(GREY), {"min_score": "1.01"}, Code.BAD_PARAMETER, "min_score"),
    ],
)
def test_what_is_wrong_is_a_code_and_a_sentence(
    loader: Loader, photo: bytes, params: dict[str, str], code: Code, message: str
) -> None:
    loader.init(ENGINE | {"max_upload_mb": "1", "max_megapixels": "1"})
    told = problem(loader.read(photo, **params))
    assert told[0] == code
    assert message in told[1]
    assert lines(loader.read(fakes.photo(GREY)))  # it still reads


def test_an_image_under_another_key_is_none(loader: Loader) -> None:
    loader.init(ENGINE)
    assert problem(loader.read(fakes.photo(GREY), key="img"))[0] == Code.EMPTY


@pytest.mark.parametrize(("least", "count"), [("0.98", 1), ("0.99", 0), ("0", 1)])
def test_the_least_score_is_the_requests(loader: Loader, least: str, count: int) -> None:
    loader.init(ENGINE | {"min_score": "0.999"})
    assert lines(loader.read(fakes.photo(GREY))) == []
    assert len(lines(loader.read(fakes.photo(GREY), min_score=least))) == count


@pytest.mark.parametrize(
    "config",
    [
        {"engine": "openvino"},
        {"engine": "tpu"},
        {"engine": "onnx", "max_megapixels": "many"},
        {"engine": "mmocr-onnx"},
        {"engine": "mmocr-onnx", "mmocr.det_onnx": "/nowhere.onnx"},
    ],
)
def test_after_a_failed_init_every_request_says_so(
    loader: Loader, config: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("mtphotos_ocr.ase").addHandler(caplog.handler)
    assert loader.init(config) == Code.NO_MODEL
    assert "no model could be loaded" in caplog.text
    for _ in range(2):
        assert problem(loader.read(fakes.photo(GREY)))[0] == Code.NO_MODEL
    assert loader.init(ENGINE) == 0
    assert lines(loader.read(fakes.photo(GREY)))
    assert loader.init(config) == Code.NO_MODEL
    assert problem(loader.read(fakes.photo(GREY)))[0] == Code.NO_MODEL


def test_before_init_and_after_fini_there_is_no_model(loader: Loader) -> None:
    assert problem(loader.read(fakes.photo(GREY)))[0] == Code.NO_MODEL
    loader.init(ENGINE)
    assert loader.fini() == loader.fini() == 0
    assert problem(loader.read(fakes.photo(GREY)))[0] == Code.NO_MODEL


def test_every_code_has_a_phrase_that_survives_the_loader(loader: Loader) -> None:
    assert len({loader.error(code) for code in Code}) == len(Code)
    assert loader.error(-1) == "unknown code"


@pytest.mark.parametrize("name", LOADERS)
def test_a_thousand_calls_from_several_threads_get_their_own_answers(name: str) -> None:
    loader = LOADERS[name]()
    loader.init(ENGINE)
    colours = [(index % 200 + 1, 50, index // 200 + 1) for index in range(1000)]
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda colour: loader.read(fakes.photo(colour, (8, 8))), colours)
        assert [lines(answer)[0]["text"] for answer in answers] == [fakes.name(colour) for colour in colours]
    loader.fini()


@pytest.mark.parametrize(
    "items", [(), ({},), ("text",), ({"key": "data"},), ({"key": "data", "data": 7},), (None,), None]
)
def test_a_request_without_an_image_is_an_empty_one(items: Any) -> None:
    loader = V1(ase.wrapper)
    assert loader.read_items(items, {})[0] == Code.NO_MODEL
    loader.init(ENGINE)
    assert loader.read_items(items, {})[0] == Code.EMPTY
    loader.fini()


@pytest.mark.parametrize(
    ("params", "code"), [(None, Code.OK), ("min_score", Code.BAD_PARAMETER), (7, Code.BAD_PARAMETER)]
)
def test_no_parameters_are_none_and_others_than_names_with_strings_are_bad(params: Any, code: Code) -> None:
    host = Host()
    host.init(ENGINE)
    assert host.answer(params, lambda: fakes.photo(GREY))[0] == code
    host.close()


def test_a_setting_of_zero_is_set(loader: Loader) -> None:
    loader.init(ENGINE | {"min_score": "1"})
    assert lines(loader.read(fakes.photo(GREY))) == []
    config: dict[str, Any] = ENGINE | {"min_score": 0}  # no string, but clear enough
    assert loader.init(config) == 0
    assert lines(loader.read(fakes.photo(GREY)))


def test_auto_goes_on_with_the_next_if_one_cannot_be_loaded(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ase.host.candidates", lambda *_: ["openvino", "onnx"])
    assert loader.init({"engine": "auto"}) == 0
    assert lines(loader.read(fakes.photo(GREY)))


def test_what_is_not_offered_is_refused_in_the_loaders_own_types() -> None:
    loader = V2(ase.wrapper)
    loader.init(ENGINE)
    for name in ("wrapperOnceExecAsync", "wrapperLoadRes", "wrapperUnloadRes", "wrapperWrite", "wrapperDestroy"):
        assert loader.call(name, "handle", None) == Code.BAD_PARAMETER
    session = loader.call("wrapperCreate", {}, sid="1", userTag="")
    assert (session.handle, session.error_code) == ("", Code.BAD_PARAMETER)
    assert problem(V2.answer(loader.call("wrapperRead", "handle")))[0] == Code.BAD_PARAMETER
    assert loader.call("wrapperTestFunc") == 0


def test_the_schema_names_what_goes_in_and_out() -> None:
    schema = json.loads(ase.wrapper.Wrapper().schema())
    service = schema["meta"]["serviceId"]
    assert schema["meta"]["route"] == f"/{schema['meta']['version']}/private/{service}"
    assert schema["meta"][service] == {
        "input": {"data": {"dataType": "image"}},
        "accept": {"boxes": {"dataType": "text"}},
    }
    params = schema["schemainput"]["properties"]["parameter"]["properties"][service]["properties"]
    assert {name: kind["type"] for name, kind in params.items()} == {"min_score": "string"}


def test_the_keys_of_the_section_are_the_settings_of_the_service() -> None:
    config = {"engine": "mmocr", "mmocr.det_config": "a.py", "device": "gpu:1", "threads": "", "log.dir": "x"}
    assert settings_in(config) == {"ocr_runner": "mmocr", "mmocr_det_config": "a.py", "ocr_device": "gpu:1"}
