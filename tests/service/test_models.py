"""A model that was fetched, over HTTP: a recognizer that the test makes stands for the one for Korean."""

import subprocess
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.fakes.project import DATA, KEY
from tests.fakes.recognizer import write_ink_and_paper
from tests.fakes.served import MAKE_SERVE, copy_project, environment, free_port, started
from tests.fakes.waiting import LONG_S

HEADERS = {"api-key": KEY}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "project"
    copy_project(folder)
    (folder / ".env").write_text(f"API_AUTH_KEY={KEY}\nOCR_MODEL=korean\n", "utf-8")
    return folder


def test_the_service_does_not_start_without_the_model_and_says_what_fetches_it(project: Path) -> None:
    told = environment(OCR_RUNNER="onnx", HTTP_PORT=str(free_port()), BENTOML_HOME=str(project / "home"))
    done = subprocess.run(
        MAKE_SERVE, cwd=project, env=told, capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert done.returncode != 0
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "cannot start" in line]
    assert line.endswith("OCR_MODEL=korean has not been fetched: make models MODEL=korean")


@pytest.mark.parametrize(
    ("model", "told"), [("", "korean          Korean, English"), ("klingon", "choose from 'ppocrv6'")]
)
def test_make_lists_the_models(project: Path, model: str, told: str) -> None:
    command = ["make", "models", *MAKE_SERVE[2:], f"MODEL={model}"]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, check=False)
    assert told in done.stdout + done.stderr
    assert (done.returncode == 0) == (not model)


@pytest.mark.parametrize("runner", ["openvino", "onnx"])
def test_its_lines_are_read_in_its_own_characters(project: Path, runner: str) -> None:
    (project / "models" / "korean").mkdir(exist_ok=True)
    write_ink_and_paper(project / "models" / "korean" / "rec.onnx", "글", "빈")
    log = project / f"{runner}.log"
    with started(MAKE_SERVE, project, log, OCR_RUNNER=runner, BENTOML_HOME=str(project / "home")) as (_, port):
        url = f"http://127.0.0.1:{port}"
        files = {"file": (DATA / "receipt.png").read_bytes()}
        answer = httpx.post(f"{url}/ocr", headers=HEADERS, files=files, timeout=LONG_S).json()["result"]
        assert len(answer["texts"]) > 5
        assert set("".join(answer["texts"])) == {"글", "빈"}
        about = httpx.post(f"{url}/check", headers=HEADERS, timeout=LONG_S).json()
        assert (about["runner"], about["model"], about["languages"]) == (runner, "korean", ["Korean", "English"])
        assert "early exit" in about["optimisations"]  # of the detector, which is the default model's
        assert "blank skipping" not in about["optimisations"]  # was fitted to another recognizer
    assert "ready to read with model korean (Korean, English)" in log.read_text("utf-8")
