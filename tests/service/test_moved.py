"""What `make` does in a folder that was moved, or whose environment is broken, and BentoML's program there."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.fakes.served import VENV, copy_project, environment

MAKE = ["make", f"PYTHON={sys.executable}"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy_project(tmp_path / "project")
    return tmp_path / "project"


def make_environment(folder: Path, installed: str = "test") -> Path:
    """An environment with the tests' packages, as `make setup` leaves it."""
    made = folder / ".venv"
    venv.create(made, with_pip=False)
    (made / f"{installed}.installed").touch()
    packages = f"lib/python3.{sys.version_info.minor}/site-packages"
    (made / packages / "tests.pth").write_text(str(VENV / packages), "utf-8")
    (made / "bin" / "bentoml").write_text("#!/where/it/was/python\n", "utf-8")
    return made


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAKE, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def test_bentomls_program_works_after_the_folder_was_moved(folder: Path) -> None:
    make_environment(folder)
    done = make(folder, "setup", "TARGET=test")
    assert (done.returncode, done.stderr) == (0, "")
    moved = folder.rename(folder.with_name("a new name"))
    ran = subprocess.run([".venv/bin/bentoml", "--version"], cwd=moved, capture_output=True, text=True, check=True)
    assert "1.4" in ran.stdout
    assert ran.stderr == ""


def test_a_broken_environment_is_said_and_made_anew(folder: Path) -> None:
    made = make_environment(folder, "onnx")
    python = made / "bin" / "python"
    python.unlink()
    python.symlink_to("/where/it/was/python")
    done = make(folder, "-n", "setup")  # it only says what it would do
    assert "The environment in .venv is broken" in done.stdout
    assert "Installing requirements/onnx.txt into .venv" in done.stdout  # the same target as before


DOCKER = """#!/bin/sh
if [ "$1" = version ]; then echo '"27.0.0"'; fi
case "$*" in *build*) for context; do :; done; cat "$context/env/docker/Dockerfile" >"$MADE";; esac
"""
"""A stand-in that keeps the Dockerfile that it is to build."""


def test_bentoml_containerize_works_in_this_folder(folder: Path, tmp_path: Path) -> None:
    made = make_environment(folder)
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(DOCKER, "utf-8")
    docker.chmod(0o755)
    told = environment(
        BENTOML_HOME=str(tmp_path / "home"), MADE=str(tmp_path / "made"), PATH=f"{docker.parent}:{os.environ['PATH']}"
    )
    command = [*MAKE, "bento", "TARGET=openvino"]
    assert make(folder, "setup", "TARGET=test").returncode == 0
    built = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, check=True)
    (tag,) = re.findall(r"^Built (mtphotos-ocr:\w+), which \.venv/bin/bentoml serve ", built.stdout, re.MULTILINE)
    assert f"For an image: make image, or .venv/bin/bentoml containerize {tag}\n" in built.stdout
    assert "BentoCloud" not in built.stdout + built.stderr
    command = [str(made / "bin" / "bentoml"), "containerize", "mtphotos-ocr:latest"]
    ran = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "HEALTHCHECK" in (tmp_path / "made").read_text("utf-8")
