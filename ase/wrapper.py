"""The module `wrapper` that the loaders of iFlytek's ASE platform import; ase/README.md says how to use it.

There are three loaders. V1 calls the functions of this module. Its successor in C++ (V2) and the gRPC server of the
package aiges create a `Wrapper`. An exception, None or an empty list would end their process or use up a licence for
good, so this module returns none of these: it answers every request with a code and one item that holds JSON.

It may be imported through a link from anywhere: it finds the project's folder by itself, because the interpreter that
V2 embeds ignores PYTHONPATH.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

if not __package__:  # imported as `wrapper`
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ase.host import PHRASES, Code, Host, make_refusal

try:  # V2 can convert a request to Python's types only once this module is imported
    import aiges_embed
except ImportError:
    aiges_embed = None

OUTPUT_KEY = "boxes"
TEXT_TYPE = 0  # the loaders' number for text; that for images is 2
ONCE_STATUS = 3  # the loaders' number for data in one piece
SCHEMA_FILE = Path(__file__).with_name("schema.json")

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
    respData.append({"key": OUTPUT_KEY, "data": body, "len": len(body), "status": ONCE_STATUS, "type": TEXT_TYPE})
    return code


def wrapperFini() -> int:
    """V1: close the reader."""
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
        return _make_response(*self._host.answer(params, reqData))

    def wrapperFini(self) -> int:
        return self._host.close()

    def wrapperError(self, ret: int) -> str:
        return wrapperError(ret)

    def schema(self) -> str:
        """gRPC: the description for the HTTP gateway. The package's own generators fail with a current pydantic."""
        return SCHEMA_FILE.read_text("utf-8")

    # The loader looks up all of these when it starts. Streams, own resources and asyncMode are not offered.

    def wrapperOnceExecAsync(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperLoadRes(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperUnloadRes(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperCreate(self, *_: object, **__: object) -> Any:
        response = import_types().SessionCreateResponse()
        response.error_code = int(Code.BAD_PARAMETER)
        return response

    def wrapperWrite(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperRead(self, *_: object) -> Any:
        return _make_response(*make_refusal(Code.BAD_PARAMETER, "streams are not offered"))

    def wrapperDestroy(self, *_: object) -> int:
        return int(Code.BAD_PARAMETER)

    def wrapperTestFunc(self, *_: object) -> int:
        return int(Code.OK)


def import_types() -> Any:
    """The module with the loader's types: V2's built-in one, else that of the package aiges."""
    return aiges_embed or import_module("aiges.dto")


def _make_response(code: int, body: bytes) -> Any:
    item = import_types().ResponseData()
    item.key = OUTPUT_KEY
    item.status = ONCE_STATUS
    item.setDataType(TEXT_TYPE)
    item.setData(body)
    response = import_types().Response()
    response.list = [item]
    response.error_code = code
    return response
