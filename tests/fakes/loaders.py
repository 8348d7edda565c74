"""The loaders of the ASE platform, played strictly: what they pass, what they look up, and what they cannot bear."""

import sys
import types
from collections.abc import Callable, Sequence
from importlib.abc import Loader as ModuleLoader
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from tests.fakes.project import ROOT

WRAPPER = ROOT / "ase" / "wrapper.py"

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

    def __init__(self) -> None:
        self._module = imported_wrapper()

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


class BuiltIn(ModuleLoader, MetaPathFinder):
    """Provides a module with the loader's types, and knows whether anybody has imported it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.imported = False

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if self._name in {name, name.partition(".")[0]} else None

    def exec_module(self, module: types.ModuleType) -> None:
        self.imported = True
        for kind in (Response, ResponseData, SessionCreateResponse, DataListNode, DataListCls):
            setattr(module, kind.__name__, kind)


def imported_wrapper(built_in: BuiltIn | None = None) -> types.ModuleType:
    """The module `wrapper` as a loader imports it: by that name, in a process where only its own types can be had."""
    for name in ("aiges_embed", "aiges", "aiges.dto", "wrapper"):
        sys.modules.pop(name, None)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, BuiltIn)]
    if built_in:
        sys.meta_path.append(built_in)
    spec = spec_from_file_location("wrapper", WRAPPER)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules["wrapper"] = module
    spec.loader.exec_module(module)
    return module


class V2:
    """The class `Wrapper`; `tag` are the arguments that newer loaders pass beside params and data.

    pybind11 can convert a request only once `aiges_embed` has been imported; until then every call fails before it
    reaches the wrapper.
    """

    def __init__(self, *tag: object, types_in: str = "aiges_embed", **made_with: object) -> None:
        self._built_in = BuiltIn(types_in)
        self._wrapper = imported_wrapper(self._built_in).Wrapper(**made_with)
        self._methods = {name: getattr(self._wrapper, name) for name in LOOKED_UP}
        self._tag = tag

    def init(self, config: dict[str, str]) -> int:
        return is_code(self._methods["wrapperInit"](config))

    def read(self, photo: bytes, key: str = "data", **params: str) -> tuple[int, bytes]:
        return self.read_items([DataListNode(key, photo)], params)

    def read_items(self, nodes: "list[DataListNode]", params: dict[str, str]) -> tuple[int, bytes]:
        assert self._built_in.imported, "cast error: Unable to convert call argument to Python object"
        return self.answer(self._methods["wrapperOnceExec"](params | {"sid": "ocr@1"}, DataListCls(nodes), *self._tag))

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


class Grpc(V2):
    """The package aiges: a Wrapper in a Python of its own, with the types of aiges.dto, which any code may import."""

    def __init__(self) -> None:
        super().__init__(types_in="aiges", legacy=False, is_aipaas=True, keep_schema_default_value=True)
        self._built_in.imported = True


LOADERS: dict[str, Callable[[], Loader]] = {
    "V1": V1,
    "V2": lambda: V2("tag", 0),
    "V2 before psrId": V2,
    "gRPC": Grpc,
}
