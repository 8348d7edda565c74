"""The wrapper in an interpreter that a C++ program embeds by pybind11 2.10.0, as the platform's V2 loader does.

From Python 3.11 on that version isolates the interpreter: PYTHONPATH and PYTHONHOME count for nothing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pybind11
import pytest

from ase.host import Code
from tests.fakes.loaders import LOOKED_UP, WRAPPER
from tests.fakes.project import DATA

pytestmark = pytest.mark.skipif(
    not (shutil.which("g++") and sysconfig.get_config_var("Py_ENABLE_SHARED")),
    reason="needs g++ and a Python with a shared library",
)
ONNX = {"engine": "onnx", "threads": "1"}
STRIP = DATA / "strip.png"


class Printed(NamedTuple):
    """A line that the program prints."""

    called: str
    code: int
    data: str


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader, compiled."""
    built = tmp_path_factory.mktemp("loader") / "embedding_loader"
    folder = sysconfig.get_config_var("LIBDIR")
    includes = [f"-I{path}" for path in (pybind11.get_include(), sysconfig.get_path("include"))]
    library = [f"-L{folder}", f"-Wl,-rpath,{folder}", f"-lpython{sysconfig.get_config_var('LDVERSION')}", "-pthread"]
    source = Path(__file__).with_name("embedding_loader.cpp")
    command = ["g++", "-std=c++17", "-fvisibility=hidden", *includes, str(source), "-o", str(built), *library]
    subprocess.run(command, check=True, capture_output=True)
    return built


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory as the image has it: the wrapper in it is a link."""
    (tmp_path / "wrapper.py").symlink_to(WRAPPER)
    return tmp_path


def start(program: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program in `folder`, with variables that would lead an interpreter astray if it were not isolated."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where the interpreter finds its packages
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(WRAPPER.parent), "PYTHONHOME": "/nowhere"}
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def called(program: Path, folder: Path, config: dict[str, str], file: Path | str, calls: int = 2) -> list[Printed]:
    """The answers to wrapperInit, to so many calls from up to eight threads, and to wrapperFini."""
    pairs = [f"{key}={value}" for key, value in config.items()]
    done = start(program, folder, min(calls, 8), calls, file, *pairs)
    assert done.returncode == 0, done.stderr
    parts = (line.split("\t", 2) for line in done.stdout.splitlines() if re.match(r"(init|read|fini)\t", line))
    return [Printed(name, int(code), data) for name, code, data in parts]


def test_photos_from_eight_threads_are_read(program: Path, folder: Path) -> None:
    init, *answers, fini = called(program, folder, ONNX, STRIP, 48)
    assert init == ("init", 0, "ok")
    assert [(answer.called, answer.code) for answer in answers] == [("read", 0)] * 48
    assert {line["text"] for answer in answers for line in json.loads(answer.data)["lines"]} == {"Exit"}
    assert fini.code == 0


def test_a_problem_is_answered_with_a_code_and_a_sentence_and_the_loader_goes_on(
    program: Path, folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    for file, code in ((broken, Code.UNREADABLE), ("", Code.EMPTY)):
        init, *answers, fini = called(program, folder, ONNX, file)
        assert (init.code, fini.code) == (0, 0)
        assert [answer.code for answer in answers] == [code, code]
        assert json.loads(answers[0].data)["error"]["code"] == code


def test_after_a_failed_init_every_request_says_so(program: Path, folder: Path) -> None:
    init, *answers, _ = called(program, folder, {"engine": "mmocr-onnx"}, STRIP)
    assert init == ("init", Code.NO_MODEL, "no model")
    assert [answer.code for answer in answers] == [Code.NO_MODEL] * 2


def test_a_wrapper_that_does_not_import_the_loaders_types_is_never_called(program: Path, tmp_path: Path) -> None:
    """The real loader does that, and so must this one: otherwise the tests above could not fail."""
    body = "".join(
        f"    def {name}(self, *_): return {'str()' if name == 'wrapperError' else 0}\n" for name in LOOKED_UP
    )
    (tmp_path / "wrapper.py").write_text(f"class Wrapper:\n{body}", "utf-8")
    _, answer, _ = called(program, tmp_path, {}, STRIP, 1)
    assert answer.code == -1
    assert "Unable to convert call argument" in answer.data


def test_pythonpath_does_not_help(program: Path, tmp_path: Path) -> None:
    done = start(program, tmp_path, 1, 1, STRIP)
    assert done.returncode != 0
    assert "No module named 'wrapper'" in done.stderr
