"""What the loaders must get back, whatever they send."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import ase.wrapper
from ase.host import FORMATS, Code, Host, extract_image, parse_settings
from ocr.errors import UnreadablePhoto
from ocr.types import TextLine
from runners.registry import RUNNERS, RunnerEntry
from tests.fakes import runner as fakes
from tests.fakes.loaders import LOADERS, V1, V2, DataListNode, Loader

ENGINE = {"engine": "onnx", "log.level": "info", "http_listen": "0.0.0.0:1888"}
GREY = (90, 91, 92)


@pytest.fixture(autouse=True)
def _fake_runners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNNERS, "onnx", RunnerEntry("tests.fakes.runner:ColourRunner", ["numpy"]))
    monkeypatch.setitem(RUNNERS, "openvino", RunnerEntry("tests.fakes.runner:UnloadableRunner", ["numpy"]))


def lines(answer: tuple[int, bytes]) -> list[dict[str, Any]]:
    code, body = answer
    assert code == 0
    answer_ = json.loads(body)
    assert set(answer_) == {"lines"}
    found: list[dict[str, Any]] = answer_["lines"]
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
        (b"", {}, Code.EMPTY, "no image in the request"),
        (b"no picture", {}, Code.UNREADABLE, "picture"),
        (fakes.photo(fakes.HUNGRY), {}, Code.FAILED, "memory"),
        (b"\0" * 1_000_001, {}, Code.UNREADABLE, "up to 1 MB are read"),
        (fakes.photo(GREY, (1200, 1000)), {}, Code.UNREADABLE, "1 megapixels"),
        (fakes.photo(fakes.FAILS), {}, Code.FAILED, "log"),
        (fakes.photo(GREY), {"min_score": "much"}, Code.BAD_PARAMETER, "min_score"),
        (fakes.photo(GREY), {"min_score": "nan"}, Code.BAD_PARAMETER, "min_score"),
        (fakes.photo(GREY), {"min_score": "1.01"}, Code.BAD_PARAMETER, "min_score"),
        (fakes.photo(GREY), {"min_score": 10**400}, Code.BAD_PARAMETER, "min_score"),
    ],
)
def test_a_problem_is_answered_with_a_code_and_a_sentence(
    loader: Loader, photo: bytes, params: dict[str, str], code: Code, message: str
) -> None:
    loader.init(ENGINE | {"max_upload_mb": "1", "max_megapixels": "1"})
    found, text = problem(loader.read(photo, **params))
    assert found == code
    assert message in text
    assert lines(loader.read(fakes.photo(GREY)))  # it still reads


@pytest.mark.parametrize("key", ["data", "img", "0", ""])
def test_the_only_item_is_the_image_whatever_its_key(loader: Loader, key: str) -> None:
    loader.init(ENGINE)
    assert lines(loader.read(fakes.photo(GREY), key=key))


def items(loader: Loader, photos: dict[str, Any]) -> Any:
    """The items of a request, as this loader passes them."""
    if isinstance(loader, V2):
        return [DataListNode(key, photo) for key, photo in photos.items()]
    return tuple({"key": key, "data": photo, "len": len(photo)} for key, photo in photos.items())


def test_of_several_items_the_image_is_the_one_named_data(loader: Loader) -> None:
    loader.init(ENGINE)
    both = {"mask": fakes.photo(fakes.BLANK), "data": fakes.photo(GREY), "meta": b"{}"}
    assert lines(loader.read_items(items(loader, both), {}))[0]["text"] == fakes.name(GREY)
    neither = {"one": fakes.photo(GREY), "other": fakes.photo(GREY)}
    code, message = problem(loader.read_items(items(loader, neither), {}))
    assert code == Code.EMPTY
    assert "named data" in message


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_an_image_is_any_kind_of_bytes(loader: Loader, kind: Callable[[bytes], Any]) -> None:
    loader.init(ENGINE)
    assert lines(loader.read_items(items(loader, {"data": kind(fakes.photo(GREY))}), {}))
    assert problem(loader.read_items(items(loader, {"data": kind(b"")}), {}))[0] == Code.EMPTY


def test_dictionaries_and_objects_both_hold_images() -> None:
    photo = fakes.photo(GREY)
    one = {"key": "img", "data": photo}
    assert (
        extract_image((one,))
        == extract_image([one])
        == extract_image(one)
        == extract_image([DataListNode("img", photo)])
        == photo
    )


def test_a_wrapper_that_has_not_imported_the_types_cannot_be_called() -> None:
    """A test of the stand-in: the real loader answers -1 before any code of the wrapper runs."""
    loader = V2()
    loader._built_in.imported = False
    with pytest.raises(AssertionError, match="cast error"):
        loader.read(fakes.photo(GREY))


@pytest.mark.parametrize(("min_score", "count"), [("0.98", 1), ("0.99", 0), ("0", 1)])
def test_a_request_may_set_its_own_min_score(loader: Loader, min_score: str, count: int) -> None:
    loader.init(ENGINE | {"min_score": "0.999"})
    assert lines(loader.read(fakes.photo(GREY))) == []
    assert len(lines(loader.read(fakes.photo(GREY), min_score=min_score))) == count


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
    "request_items", [(), ({},), ("text",), ({"key": "data"},), ({"key": "data", "data": 7},), (None,), None, 7]
)
def test_a_request_without_an_image_is_empty(request_items: Any) -> None:
    loader = V1()
    assert loader.read_items(request_items, {})[0] == Code.NO_MODEL
    loader.init(ENGINE)
    assert loader.read_items(request_items, {})[0] == Code.EMPTY
    loader.fini()


@pytest.mark.parametrize(
    ("params", "code"), [(None, Code.OK), ("min_score", Code.BAD_PARAMETER), (7, Code.BAD_PARAMETER)]
)
def test_parameters_may_be_none_but_nothing_other_than_a_mapping(params: Any, code: Code) -> None:
    host = Host()
    host.init(ENGINE)
    assert host.answer(params, [{"data": fakes.photo(GREY)}])[0] == code
    host.close()


def test_a_setting_of_zero_is_set(loader: Loader) -> None:
    loader.init(ENGINE | {"min_score": "1"})
    assert lines(loader.read(fakes.photo(GREY))) == []
    config: dict[str, Any] = ENGINE | {"min_score": 0}  # no string, but clear enough
    assert loader.init(config) == 0
    assert lines(loader.read(fakes.photo(GREY)))


def test_auto_tries_the_next_runner_if_one_cannot_be_loaded(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ase.host.find_candidates", lambda *_: ["openvino", "onnx"])
    assert loader.init({"engine": "auto"}) == 0
    assert lines(loader.read(fakes.photo(GREY)))


def test_functions_that_are_not_offered_are_refused_in_the_loaders_own_types() -> None:
    loader = V2()
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


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (
            "mmocr",
            {"det_polygons": [[0, 0, 40, 0, 40, 30, 0, 30]], "rec_texts": [fakes.name(GREY)], "rec_scores": [0.987]},
        ),
        ("mmocr-0.6", [{"boundary_result": [[0, 0, 40, 0, 40, 30, 0, 30, 0.987]]}]),
    ],
)
def test_answers_may_have_the_keys_of_mmocr(loader: Loader, chosen: str, expected: object) -> None:
    loader.init(ENGINE | {"format": chosen})
    code, body = loader.read(fakes.photo(GREY, (40, 30)))
    assert (code, json.loads(body)) == (0, expected)


def test_a_message_that_is_no_utf_8_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UnreadablePhoto("bad \udcff")

    host = Host()
    host.init(ENGINE)
    monkeypatch.setattr(fakes.ColourRunner, "read", fail)
    code, body = host.answer({}, [{"data": fakes.photo(GREY)}])
    assert (code, json.loads(body)["error"]["message"]) == (Code.UNREADABLE, "bad ?")
    host.close()


def test_a_request_that_cannot_be_looked_into_is_an_answer() -> None:
    class Unconvertible:
        @property
        def list(self) -> object:
            raise TypeError("Unregistered type")

    host = Host()
    host.init(ENGINE)
    assert problem(host.answer({}, Unconvertible()))[0] == Code.FAILED
    host.close()


def test_lines_that_were_not_recognized_have_the_detectors_scores() -> None:
    line = TextLine(np.array([[0, 0], [9, 0], [9, 5], [0, 5]], np.float32), "", 0.25)
    assert FORMATS["mmocr"]([line]) == {"det_polygons": [[0, 0, 9, 0, 9, 5, 0, 5]], "det_scores": [0.25]}


def test_an_unknown_format_is_named(loader: Loader, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("mtphotos_ocr.ase").addHandler(caplog.handler)
    assert loader.init(ENGINE | {"format": "xml"}) == Code.NO_MODEL
    assert "it must be one of lines, mmocr, mmocr-0.6" in caplog.text


def test_only_unknown_keys_are_named(caplog: pytest.LogCaptureFixture) -> None:
    parse_settings({"http_listen": "0.0.0.0:1888", "format": "lines", "treads": "4"})
    assert "not settings of the reader: treads" in caplog.text


def test_the_keys_of_the_section_are_the_settings_of_the_service() -> None:
    config = {"engine": "mmocr", "mmocr.det_config": "a.py", "device": "gpu:1", "threads": "", "log.dir": "x"}
    assert parse_settings(config) == {"ocr_runner": "mmocr", "mmocr_det_config": "a.py", "ocr_device": "gpu:1"}
