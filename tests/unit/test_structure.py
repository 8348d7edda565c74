"""The house rules of docs/adr/0001 and of pyproject.toml, as far as a test can hold them."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "ocr": {"ocr"},
    "memory": set(),
    "runners": {"logs", "memory", "ocr", "runners"},
    "access": {"logs"},
    "auth": {"auth"},
    "web": {"web"},
    "upload": set(),
    "stopping": {"upload"},
    "wire": {"ocr", "upload"},
    "framing": set(),
    "metrics": {"openapi", "runners"},
    "openapi": {"wire"},
    "settings": set(),
    "health": set(),
    "logs": set(),
    "options": {"ocr", "runners", "settings"},
    "assembly": {"options", "runners", "settings", "upload"},
    "ase": {"ase", "logs", "ocr", "options", "runners", "settings"},
    "service": {
        *("access", "assembly", "auth", "framing", "logs", "metrics", "ocr", "openapi", "runners", "settings"),
        *("stopping", "upload", "web", "wire"),
    },
}
MODULES = sorted(path for name in ALLOWED for path in [*ROOT.glob(f"{name}.py"), *ROOT.glob(f"{name}/**/*.py")])


def imported(path: Path) -> set[str]:
    """The first parts of the names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert imported(path) & set(ALLOWED) <= ALLOWED[part]


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= (150 if path.name == "service.py" else 300)
