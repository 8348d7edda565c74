"""The loaders of the ASE platform, played strictly: what they pass, what they look up, and what they cannot bear."""

import types
from collections.abc import Callable
from typing import Any

import ase.wrapper

ONCE = 3
TEXT, IMAGE = 0, 2
LOOKED_UP = (
    *("wrapperInit", "wrapperFini", "wrapperOnceExec", "wrapperOnceExecAsync", "wrapperError", "wrapperLoadRes"),
    *("wrapperUnloadRes", "wrapperCreate", "wrapperWrite", "wrapperRead", "wrapperDestroy", "wrapperTestFunc"),
)
"""By the loader in C++ when it starts; one that is missing ends the service."""

SURVIVES = 15
"""Bytes of an error's phrase: C++ keeps so many inside the string object; longer ones are freed too early."""


def is_code(value: object) -> int:
    assert type(value) is int, f"{value!r} is no int"
    return value


def phrase(value: object) -> str:
    assert isinstance(value, str)
    assert value.isascii()
    assert 0 < len(value) <= SURVIVES
    return value


class V1:
    """Module functions with positional arguments; data in tuples and dictionaries."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def init(self, config: dict[str, str]) -> int:
        return is_code(self._module.wrapperInit(config))

    def read(self, photo: bytes, key: str = "data", **params: str) -> tuple[int, bytes]:
        return self.read_items(
            ({"key": key, "data": photo, "len": len(photo), "status": ONCE, "type": IMAGE, "desc": {}},), params
        )

    def read_items(self, items: tuple[dict[str, Any], ...] | None, params: dict[str, str]) -> tuple[int, bytes]:
        answer: list[dict[str, Any]] = []
        code = is_code(self._module.wrapperOnceExec("", params | {"sid": "ocr@1"}, items, answer, (0,), 1))
        (item,) = answer
        assert {name: type(value) for name, value in item.items()} == {
            "key": str, "data": bytes, "len": int, "status": int, "type": int,
        }  # fmt: skip
        assert item["len"] == len(item["data"])
        assert (item["key"], item["status"], item["type"]) == ("boxes", ONCE, TEXT)
        return code, item["data"]

    def error(self, code: int) -> str:
        return phrase(self._module.wrapperError(code))

    def fini(self) -> int:
        return is_code(self._module.wrapperFini())


class ResponseData:
    """As pybind11 makes it of a C++ structure: typed members, no others."""

    __slots__ = ("_members",)
    TYPES = types.MappingProxyType({"key": str, "data": bytes, "len": int, "type": int, "status": int})

    def __init__(self) -> None:
        object.__setattr__(self, "_members", {"key": "", "data": b"", "len": 0, "type": 0, "status": 0})

    def __getattr__(self, name: str) -> Any:
        return self._members[name]

    def __setattr__(self, name: str, value: object) -> None:
        if not isinstance(value, self.TYPES[name]):
            raise TypeError(f"{name} = {value!r}")
        self._members[name] = value

    def setData(self, data: bytes) -> None:  # noqa: N802 - the loader's name
        self.data = data
        self.len = len(data)

    def setDataType(self, kind: int) -> None:  # noqa: N802
        self.type = kind


class Response:
    __slots__ = ("error_code", "list")

    def __init__(self) -> None:
        self.list: list[ResponseData] = []
        self.error_code = 0


class SessionCreateResponse:
    __slots__ = ("error_code", "handle")

    def __init__(self) -> None:
        self.handle, self.error_code = "", 0


class DataListNode:
    __slots__ = ("data", "key", "len", "status", "type")

    def __init__(self, key: str, data: bytes) -> None:
        self.key, self.data, self.len, self.status, self.type = key, data, len(data), ONCE, IMAGE


class DataListCls:
    __slots__ = ("list",)

    def __init__(self, nodes: list[DataListNode]) -> None:
        self.list = nodes

    def get(self, key: str) -> DataListNode | None:
        return next((node for node in self.list if node.key == key), None)


def embedded() -> types.ModuleType:
    """The module that the loader in C++ has built in."""
    module = types.ModuleType("aiges_embed")
    for kind in (Response, ResponseData, SessionCreateResponse, DataListNode, DataListCls):
        setattr(module, kind.__name__, kind)
    return module


class V2:
    """The class `Wrapper`; `tag` are the arguments that newer loaders pass beside params and data."""

    def __init__(self, module: types.ModuleType, *tag: object, **made_with: object) -> None:
        self._wrapper = module.Wrapper(**made_with)
        self._methods = {name: getattr(self._wrapper, name) for name in LOOKED_UP}
        self._tag = tag

    def init(self, config: dict[str, str]) -> int:
        return is_code(self._methods["wrapperInit"](config))

    def read(self, photo: bytes, key: str = "data", **params: str) -> tuple[int, bytes]:
        return self.answer(
            self._methods["wrapperOnceExec"](
                params | {"sid": "ocr@1"}, DataListCls([DataListNode(key, photo)]), *self._tag
            )
        )

    @staticmethod
    def answer(response: object) -> tuple[int, bytes]:
        assert isinstance(response, Response), "anything else is a null pointer in C++"
        (item,) = response.list
        assert isinstance(item, ResponseData)
        assert item.len == len(item.data)
        assert (item.key, item.status, item.type) == ("boxes", ONCE, TEXT)
        return is_code(response.error_code), item.data

    def error(self, code: int) -> str:
        return phrase(self._methods["wrapperError"](code))

    def fini(self) -> int:
        return is_code(self._methods["wrapperFini"]())

    def call(self, name: str, *arguments: object, **named: object) -> Any:
        return self._methods[name](*arguments, **named)


Loader = V1 | V2

LOADERS: dict[str, Callable[[], Loader]] = {
    "V1": lambda: V1(ase.wrapper),
    "V2": lambda: V2(ase.wrapper, "tag", 0),
    "V2 before psrId": lambda: V2(ase.wrapper),
    "gRPC": lambda: V2(ase.wrapper, legacy=False, is_aipaas=True, keep_schema_default_value=True),
}
