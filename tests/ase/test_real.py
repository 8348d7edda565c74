"""A reader that users have, through each of the loaders, and `import wrapper` as they do it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.loaders import WRAPPER, Loader
from tests.fakes.project import DATA, ROOT


@pytest.mark.parametrize(
    ("engine", "readme"), [("openvino", "README.md"), ("onnx", "README.zh.md"), ("auto", "README.md")]
)
def test_the_answer_is_the_one_that_the_readme_shows(loader: Loader, engine: str, readme: str) -> None:
    assert loader.init({"engine": engine, "threads": "1"}) == 0
    code, body = loader.read((DATA / "strip.png").read_bytes())
    assert code == 0
    (line,) = json.loads(body)["lines"]
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "ase" / readme).read_text("utf-8"), re.DOTALL)
    (shown,) = json.loads(block)["lines"]
    assert line == shown | {"score": line["score"]}
    assert line["score"] == pytest.approx(shown["score"], abs=0.01)


def test_it_loads_no_http(tmp_path: Path) -> None:
    (tmp_path / "wrapper.py").symlink_to(WRAPPER)
    program = (
        "import wrapper, sys; wrapper.Wrapper(); print(sorted({'bentoml', 'starlette', 'aiges'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
