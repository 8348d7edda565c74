"""The module `wrapper` that the loaders of iFlytek's ASE platform import; ase/README.md says how to use it.

There are three loaders. V1 calls the functions of this module. The C++ loader that followed it (V2) and the gRPC
server of the package aiges create a `Wrapper`. An exception, None or an empty list would cost them the process or a
licence for good, so none leaves this module: every request is answered by a code and one item that holds JSON.

A link to this file may lie anywhere: it finds the project's folder by itself, because the interpreter that V2 embeds
ignores PYTHONPATH.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

if not __package__:  # imported as `wrapper`
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ase.host import PHRASES, Code, Host, refusal

try:  # V2: Python knows the types of a request only once this module is imported
    import aiges_embed
except ImportError:
    aiges_embed = None

OUTPUT = "boxes"
TEXT = 0  # the loaders' number of that type of data; image is 2
ONCE = 3  # their status of data that comes in one piece
SCHEMA = Path(__file__).with_name("schema.json")

_host = Host()


def wrapperInit(config: Mapping[str, str]) -> int:
    """V1: load the reader."""
    return _host.init(config)


def wrapperOnceExec(
    usrTag: str,
    params: Mapping[str, str],
    reqData: Sequence[Mapping[str, Any]],
    respData: list[dict[str, Any]],
    psrIds: Sequence[int],
    psrCnt: int,
) -> int:
    """V1: read the photo in `reqData` and append one item to `respData`."""
    code, body = _host.answer(params, reqData)
    respData.append({"key": OUTPUT, "data": body, "len": len(body), "status": ONCE, "type": TEXT})
    return code


def wrapperFini() -> int:
    """V1: release the reader."""
    return _host.close()


def wrapperError(ret: int) -> str:
    """A code in words."""
    return next((phrase for code, phrase in PHRASES.items() if code == ret), "unknown code")


class Wrapper:
    """V2, and gRPC, which calls it with arguments of its own."""

    def __init__(self, **_: object) -> None:
        self._host = Host()

    def wrapperInit(self, config: Mapping[str, str]) -> int:
        return self._host.init(config)

    def wrapperOnceExec(self, params: Mapping[str, str], reqData: Any, usrTag: str = "", persId: int = 0) -> Any:
        return _response(*self._host.answer(params, getattr(reqData, "list", reqData)))

    def wrapperFini(self) -> int:
        return self._host.close()

    def wrapperError(self, ret: int) -> str:
        return wrapperError(ret)

    def schema(self) -> str:
        """gRPC: what the HTTP gateway is told. The package's own generators fail with a current pydantic."""
        return SCHEMA.read_text("utf-8")

    # The loader looks all of these up when it starts. Streams, own resources and asyncMode are not offered.

    def wrapperOnceExecAsync(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperLoadRes(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperUnloadRes(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperCreate(self, *_: object, **__: object) -> Any:
        refused = loader().SessionCreateResponse()
        refused.error_code = int(Code.BAD_PARAMETER)
        return refused

    def wrapperWrite(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperRead(self, *_: object) -> Any:
        return _response(*refusal(Code.BAD_PARAMETER, "streams are not offered"))

    def wrapperDestroy(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperTestFunc(self, *_: object) -> int:
        return int(Code.OK)


@cache
def loader() -> Any:
    """The module with the loader's types: built into V2, else that of the package aiges."""
    return aiges_embed or import_module("aiges.dto")


def _response(code: int, body: bytes) -> Any:
    item = loader().ResponseData()
    item.key = OUTPUT
    item.status = ONCE
    item.setDataType(TEXT)
    item.setData(body)
    response = loader().Response()
    response.list = [item]
    response.error_code = code
    return response
