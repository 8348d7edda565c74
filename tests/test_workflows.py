"""The files of .github/ against GitHub's schemas, and against the Makefile that they call."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.project import ROOT

GITHUB = ROOT / ".github"
SCHEMAS = {"workflows": "github-workflows", "ISSUE_TEMPLATE": "github-issue-forms", ".github": "dependabot"}
"""By the folder that a file is in."""
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def validate(path: Path) -> subprocess.CompletedProcess[str]:
    schema = f"vendor.{SCHEMAS[path.parent.name]}"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.yml")), ids=lambda path: path.name)
def test_github_knows_every_field(path: Path) -> None:
    done = validate(path)
    assert done.returncode == 0, done.stdout


def test_a_misspelt_field_would_be_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "workflows" / "tests.yml"
    wrong.parent.mkdir()
    wrong.write_text((GITHUB / "workflows/tests.yml").read_text("utf-8").replace("runs-on", "run-on"), "utf-8")
    assert validate(wrong).returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_make_with_targets_and_variables_that_there_are(path: Path) -> None:
    calls = re.findall(r"\bmake (.*)", re.sub(r"#.*", "", path.read_text("utf-8")))
    assert calls
    for call in calls:
        words = re.sub(r"\$\{\{.*?\}\}", "X", call).split()
        for word in words:
            name, is_variable, _ = word.partition("=")
            pattern = rf"\$\(.*\b{name}\b" if is_variable else rf"^{name}:"
            assert re.search(pattern, MAKEFILE, re.MULTILINE), word


def test_make_names_what_is_pushed_after_registry_version_target_and_processor() -> None:
    def printed(*arguments: str) -> str:
        command = ["make", "-n", "-o", "image", *arguments]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else done.stderr

    told = printed("push", "TARGET=onnx", "CONTAINER=podman", "REGISTRY=ghcr.io/Owner")  # images have lower case
    assert re.search(r"^podman push ghcr\.io/owner/mtphotos-ocr:\d+\.\d+\.\d+-onnx-\w+$", told, re.MULTILINE)
    assert "REGISTRY is not set" in printed("push", "TARGET=onnx", "CONTAINER=podman")
    assert re.search(
        r"-t ghcr\.io/owner/mtphotos-ocr:onnx ", printed("manifest", "TARGET=onnx", "REGISTRY=ghcr.io/owner")
    )
