"""The house rules of docs/adr/0001 and of pyproject.toml, as far as a test can hold them."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fakes.project import ROOT

FLOORS = (
    ("ocr", "auth", "settings", "logs"),
    ("networks",),
    ("runners",),
    ("worker",),
    ("api",),
    ("options", "assembly"),
    ("service", "ase", "start", "doctor", "fetch"),
)
"""What stands on each floor, the lowest first. An import goes down, or sideways inside a room."""
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
NEIGHBOURS = {("assembly", "options")}
"""Two modules that are one room: ASE's image has the second without what the first imports."""
MODULES = sorted(path for room in FLOOR for path in [*ROOT.glob(f"{room}.py"), *ROOT.glob(f"{room}/**/*.py")])


def named(path: Path) -> str:
    """The name that a file is imported by."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {named(path) for path in MODULES}


def written(path: Path) -> set[str]:
    """The names of all modules, and of what is in them, that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported(path: Path) -> set[str]:
    """The names of the modules alone: of ours whole, of others the first part."""
    return {_module(name) for name in written(path)}


def _module(name: str) -> str:
    while name not in NAMES and "." in name:
        name = name.rpartition(".")[0]
    return name


def test_every_module_has_its_floor() -> None:
    beside = {"benchmarks", "deploy", "examples", "fitting", "tests"}
    packages = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert packages | {path.stem for path in ROOT.glob("*.py")} == set(FLOOR) | beside


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    room, *_ = named(path).split(".")
    for name in imported(path) & NAMES:
        other, *_ = name.split(".")
        assert other == room or (room, other) in NEIGHBOURS or FLOOR[other] < FLOOR[room], name


def test_tests_import_no_tests() -> None:
    """What they share is in tests.fakes."""
    for path in (ROOT / "tests").rglob("*.py"):
        assert not {name for name in written(path) if re.match(r"tests\.(?!fakes\b)", name)}, path


def test_no_imports_go_in_a_circle() -> None:
    assert set(TopologicalSorter({named(path): imported(path) & NAMES for path in MODULES}).static_order()) >= NAMES


@pytest.mark.parametrize("path", sorted((ROOT / "ocr").glob("*.py")), ids=lambda path: path.name)
def test_ocr_knows_no_http_and_no_engine(path: Path) -> None:
    engines = {"openvino", "onnxruntime", "paddle", "rapidocr", "torch", "mmocr"}
    assert not imported(path) & ({"bentoml", "starlette", "httpx"} | engines)


def test_the_service_loads_no_engine_and_no_opencv() -> None:
    heavy = {"cv2", "openvino", "onnxruntime", "paddle", "PIL", "rapidocr"}
    program = f"import service, sys; print(sorted({heavy} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_openvino_has_nothing_to_report_with() -> None:
    assert find_spec("openvino") is not None
    assert find_spec("openvino_telemetry") is None  # importing OpenVINO would have it write to Google Analytics
