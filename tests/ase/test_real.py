"""A reader that users have, through each of the loaders, and `import wrapper` as they do it."""

import json
import os
import subprocess
import sys

import pytest

from tests.ase.conftest import Loader
from tests.conftest import DATA
from tests.unit.test_structure import ROOT


@pytest.mark.parametrize("engine", ["openvino", "onnx", "auto"])
def test_text_is_read(loader: Loader, engine: str) -> None:
    assert loader.init({"engine": engine, "threads": "1"}) == 0
    code, body = loader.read((DATA / "strip.png").read_bytes())
    assert code == 0
    (line,) = json.loads(body)["lines"]
    assert line["text"] == "Exit"
    assert line["box"] == {"x": 97.0, "y": 0.0, "width": 45.0, "height": 23.0}


def test_it_is_imported_as_wrapper_and_loads_no_http() -> None:
    program = (
        "import wrapper, sys; wrapper.Wrapper(); print(sorted({'bentoml', 'starlette', 'aiges'} & set(sys.modules)))"
    )
    path = os.pathsep.join([str(ROOT / "ase"), str(ROOT)])
    command = [sys.executable, "-c", program]
    printed = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, cwd="/", capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"
