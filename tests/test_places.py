"""What is added has to be named in several places: these tests name each one that is missing."""

import re
import socket
import tomllib
from dataclasses import fields
from typing import get_args

import pytest

from api import schemas
from ocr.models import MODELS
from ocr.types import Reading
from runners.registry import RUNNERS
from settings import Settings
from tests.fakes import documents
from tests.fakes.project import ROOT
from worker.client import WorkerStatus
from worker.protocol import BlockingChannel

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NAMES = sorted(name for name, entry in RUNNERS.items() if not entry.class_path.startswith("tests."))
WITHOUT_BENTO = {"mmocr"}  # PyTorch is installed by hand
DEFAULT = "openvino"


@pytest.mark.parametrize("name", NAMES)
def test_a_runner_can_be_chosen_installed_and_deployed(name: str) -> None:
    targets = re.findall(r"^TARGETS := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[0].split()
    chosen = Settings.model_fields["ocr_runner"]
    bento = ROOT / ("bentofile.yaml" if name == DEFAULT else f"deploy/bentofile.{name}.yaml")
    places = {
        "the choices of ocr_runner in settings.py": name in get_args(chosen.annotation),
        "the description of ocr_runner in settings.py": f"`{name}`" in str(chosen.description),
        "an extra in pyproject.toml": name in PROJECT["project"]["optional-dependencies"],
        "TARGETS in the Makefile": name in targets,
        f"requirements/{name}.txt, by `make lock`": (ROOT / "requirements" / f"{name}.txt").is_file(),
        str(bento.relative_to(ROOT)): bento.is_file() or name in WITHOUT_BENTO,
    } | {page: name in documents.names(documents.read(page)) for page in documents.both("docs/configuration")}
    assert [place for place, named in places.items() if not named] == []


def test_what_can_be_chosen_is_a_runner() -> None:
    assert set(get_args(Settings.model_fields["ocr_runner"].annotation)) == {"auto", *NAMES}


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_BENTO - {DEFAULT}))
def test_the_bentos_of_all_targets_differ_in_their_target_alone(name: str) -> None:
    def body(path: str) -> str:
        return (ROOT / path).read_text("utf-8").partition("\n")[2]

    expected = body("bentofile.yaml").replace("name: mtphotos-ocr\n", f"name: mtphotos-ocr-{name}\n")
    expected = expected.replace(f"target: {DEFAULT}", f"target: {name}")
    assert body(f"deploy/bentofile.{name}.yaml") == expected.replace(f"requirements/{DEFAULT}", f"requirements/{name}")


def test_the_models_of_all_runners_can_be_chosen() -> None:
    models = {model for name in NAMES for model in RUNNERS[name].models}
    assert set(get_args(Settings.model_fields["ocr_model"].annotation)) == {"auto", *models}
    assert models == set(MODELS)


def test_every_field_of_a_reading_crosses_to_the_service() -> None:
    other = {list: [], dict: {"decode": 0.25}, tuple: (7, 5), str: "text", bool: True, int: 7, float: 0.25}
    values = {field.name: other[type(getattr(Reading(), field.name))] for field in fields(Reading)}
    sent = Reading(**values)  # type: ignore[arg-type] # of the types of their defaults
    ours, theirs = socket.socketpair()
    with ours, theirs:
        BlockingChannel(theirs).send(sent)
        received = BlockingChannel(ours).receive()
    lost = [field.name for field in fields(Reading) if getattr(received, field.name) != getattr(sent, field.name)]
    assert lost == [], "worker/protocol.py: encode or decode leaves it out"


def test_every_field_of_the_workers_status_is_told_or_left_out_on_purpose() -> None:
    untold = {"ready", "reading", "waiting"}  # the probe says the first, the metrics say the others
    missing = {field.name for field in fields(WorkerStatus)} - set(schemas.CheckAnswer.model_fields) - untold
    assert missing == set(), "api/schemas.py: CheckAnswer"
