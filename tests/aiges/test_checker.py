"""The package aiges and its own checker, which only logs and always ends well: what it returns is asserted."""

import importlib
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiges import dto
from aiges.aiges_inner import aiges_inner_pb2
from aiges.sdk import ImageBodyField, StringBodyField, StringParamField, WrapperBase
from aiges.serve import WrapperServiceServicer

import ase.wrapper
from tests.fakes.project import DATA

PHOTO = DATA / "strip.png"


class Request:
    input1 = ImageBodyField(key="data", path=str(PHOTO))
    params1 = StringParamField(key="min_score", value="0.5")


class Answer:
    accept1 = StringBodyField(key="boxes")


class Checked(ase.wrapper.Wrapper, WrapperBase):  # type: ignore[misc]
    """Our wrapper with the fields that the checker goes by."""

    serviceId = "ocr"  # noqa: N815 - its names
    version = "v1"
    requestCls = Request()  # noqa: N815
    responseCls = Answer()  # noqa: N815
    config: ClassVar = {"engine": "onnx", "threads": "1"}


def request(photo: bytes) -> Any:
    node = dto.DataListNode()
    node.key, node.data, node.len = "data", photo, len(photo)
    nodes = dto.DataListCls()
    nodes.list = [node]
    return nodes


@pytest.mark.parametrize("photo", [PHOTO.read_bytes(), b"no picture", b""])
def test_the_checker_accepts_every_answer(photo: bytes) -> None:
    wrapper = Checked()
    assert wrapper.wrapperInit(wrapper.config) == 0
    answer = wrapper.wrapperOnceExec({"min_score": "0.5"}, request(photo))
    assert wrapper.check_resp(answer) is True
    answer.error_code = 0  # the checker looks no further at an error
    assert wrapper.check_resp(answer) is True


def test_the_server_of_the_package_reads_a_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(ase.wrapper.__file__).parent))
    importlib.invalidate_caches()
    answers: list[Any] = []

    class Queue:
        put = staticmethod(answers.append)

    server = WrapperServiceServicer(Queue())
    assert server.wrapperInit(aiges_inner_pb2.InitRequest(config=Checked.config), None).ret == 0
    schema = json.loads(server.wrapperSchema(None, None).data)
    assert schema["meta"]["route"] == "/v1/private/ocr"
    photo = aiges_inner_pb2.RequestData(key="data", data=PHOTO.read_bytes(), len=PHOTO.stat().st_size, status=3, type=2)
    server.wrapperOnceExec(aiges_inner_pb2.Request(params={"min_score": "0.1"}, list=[photo], tag="7"), None)
    (item,) = answers[0].list
    assert (item.key, item.status, item.type, item.len) == ("boxes", 3, 0, len(item.data))
    assert [line["text"] for line in json.loads(item.data)["lines"]] == ["Exit"]
    server.wrapperOnceExec(aiges_inner_pb2.Request(list=[], tag="8"), None)
    assert json.loads(answers[1].list[0].data)["error"]["code"] == 10013
