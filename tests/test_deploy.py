"""The files of deploy/ against the schemas of what reads them, and against the project."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import settings
from api import metrics
from deploy import dockerfile
from tests.fakes.project import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OLDEST = "1.30"
"""The oldest Kubernetes that the manifests are checked against."""
RESOURCES = [
    path
    for path in sorted(KUBERNETES.glob("*/*.yaml"))
    if path.name not in {"kustomization.yaml", "names.yaml", "podmonitor.yaml", "scaledobject.yaml"}
]
"""Those of Kubernetes itself; the others are those of kustomize, the Prometheus Operator and KEDA."""


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return loaded


def compose(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = load(KUBERNETES / "base/deployment.yaml")["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("path", [DEPLOY / "compose.yaml", DEPLOY / "compose.gpu.yaml", ROOT / "compose.yaml"], ids=str)
def test_the_compose_file_is_one(path: Path) -> None:
    done = compose(path)
    assert done.returncode == 0, done.stdout


def test_clip_is_only_started_if_it_is_asked_for_and_cannot_be_reached_from_outside() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    clip = load(DEPLOY / "compose.yaml")["services"]["clip"]
    assert clip["profiles"] == ["clip"]
    assert not {"ports", "network_mode", "networks"} & set(clip)
    assert f"CLIP_API_URL=http://clip:{clip['environment']['HTTP_PORT']}\n" in text


def test_docker_alone_starts_what_the_other_compose_file_starts() -> None:
    """A copy, not `extends`: where the paths of an extended file begin differs between programs."""
    whole, ready = load(ROOT / "compose.yaml"), load(DEPLOY / "compose.yaml")
    build = whole["services"]["ocr"].pop("build")
    assert whole["services"]["ocr"].pop("environment") == {"HTTP_PORT": "8000"}
    assert whole["services"]["ocr"].pop("image") == "mtphotos-ocr:${TARGET:-openvino}"
    assert ready["services"]["ocr"].pop("image") == "mtphotos-ocr:openvino"
    assert whole == ready
    assert (ROOT / build["context"] / build["dockerfile"]) == DEPLOY / "Dockerfile"
    arguments = re.findall(r"^ARG (\w+)", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert set(build["args"]) == set(arguments)


def test_the_dockerfile_is_made_from_the_template() -> None:
    made = dockerfile.render(from_source=True)
    assert (DEPLOY / "Dockerfile").read_text("utf-8") == made, "make dockerfile"


def test_both_images_get_the_same_packages_and_files() -> None:
    source, bento = (dockerfile.render(from_source=each).split("\nFROM ") for each in (True, False))
    assert len(source) == len(bento) == 3
    assert source[2] == bento[2]
    installed = r"^RUN python3 -m venv .*\n.* -r /requirements/\*\.txt$"
    assert re.findall(installed, source[1], re.MULTILINE) == re.findall(installed, bento[1], re.MULTILINE) != []
    assert [part.partition("\n")[0] for part in source[1:]] == ["${BASE} AS packages", "${BASE}"]


def test_the_dockerfile_is_given_what_the_bentos_hold_and_no_secret() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    given = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    for path in [ROOT / "bentofile.yaml", *DEPLOY.glob("bentofile.*.yaml")]:
        bentofile = load(path)
        held = {re.sub(r"^/|/\*\*$|/[\w-]+\.txt$", "", each) for each in bentofile["include"]}
        assert held <= given, path
        assert bentofile["docker"]["dockerfile_template"] in given
    assert not [name for name in given if name.startswith(".") or name in {"deploy", "tests"}]


def test_the_compose_file_is_one_with_the_key_in_a_file(tmp_path: Path) -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    for line in ("secrets: [api_auth_key]", "secrets:", "  api_auth_key:", "    file: ./api_auth_key"):
        text = re.sub(rf"^( *)# {re.escape(line)}$", rf"\1{line}", text, flags=re.MULTILINE)
    with_secret = tmp_path / "compose.yaml"
    with_secret.write_text(text, "utf-8")
    assert load(with_secret)["services"]["ocr"]["secrets"] == ["api_auth_key"]
    done = compose(with_secret)
    assert done.returncode == 0, done.stdout


def test_a_wrong_compose_file_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {ocr: {image: [1]}}", "utf-8")
    assert compose(tmp_path / "compose.yaml").returncode == 1


def deployable(documents: list[dict[str, Any]]) -> None:
    """Hold resources against Kubernetes' schemas; strictly, so that a misspelt field is seen."""
    for document in documents:
        kubernetes_validate.validate(document, OLDEST, strict=True)


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: str(path.relative_to(KUBERNETES)))
def test_kubernetes_knows_every_field(path: Path) -> None:
    document = load(path)
    if path.parent.name == "gpu":
        document = merged(load(KUBERNETES / "base" / path.name), document)
    deployable([document])


def test_what_selects_pods_says_which_and_finds_them_without_kustomize_too() -> None:
    labels = load(KUBERNETES / "base/deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    selectors = {
        path.stem: load(path)["spec"] for path in sorted((KUBERNETES / "base").glob("*.yaml")) if path in RESOURCES
    }
    assert selectors["deployment"]["selector"]["matchLabels"] == labels
    assert selectors["service"]["selector"] == labels
    assert selectors["disruption"]["selector"]["matchLabels"] == labels
    assert selectors["network"]["podSelector"]["matchLabels"] == labels


def test_a_slow_node_has_five_minutes_to_start() -> None:
    probe = pod()["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 300


def merged(whole: Any, patch: Any) -> Any:
    """A patch applied as kustomize does it: what has a name, by its name."""
    if isinstance(patch, dict):
        return whole | {key: merged(whole.get(key, {}), value) for key, value in patch.items()}
    if isinstance(patch, list):
        known = {item["name"]: item for item in whole or []}
        return list((known | {item["name"]: merged(known.get(item["name"], {}), item) for item in patch}).values())
    return patch


def test_the_replica_on_a_card_keeps_all_else() -> None:
    base = load(KUBERNETES / "base/deployment.yaml")
    (container,) = merged(base, load(KUBERNETES / "gpu/deployment.yaml"))["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {item["name"]: item["value"] for item in container["env"]} == {
        item["name"]: item["value"] for item in pod()["containers"][0]["env"]
    } | {"OCR_MEMORY_LIMIT_MB": "3500", "OCR_PARALLEL": "4"}
    assert container["securityContext"] == pod()["containers"][0]["securityContext"]


def test_a_misspelt_field_would_be_seen() -> None:
    document = load(KUBERNETES / "base/service.yaml")
    document["spec"]["prots"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        deployable([document])


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("overlay", ["base", "scaled", "gpu"])
def test_kustomize_puts_it_together(overlay: str, tmp_path: Path) -> None:
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes", ignore=shutil.ignore_patterns("key.env"))
    (tmp_path / "kubernetes/base/key.env").write_text("API_AUTH_KEY=a-key\n", "utf-8")
    command = ["kubectl", "kustomize", str(tmp_path / "kubernetes" / overlay)]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    documents = {document["kind"]: document for document in yaml.safe_load_all(built)}
    secret = documents["Secret"]["metadata"]["name"]
    assert secret.startswith("mtphotos-ocr-")
    (container,) = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"mtphotos-ocr:{'cuda' if overlay == 'gpu' else 'openvino'}"
    assert container["envFrom"] == [{"secretRef": {"name": secret}}]
    if overlay == "scaled":
        assert "replicas" not in documents["Deployment"]["spec"]
        (endpoint,) = documents.pop("PodMonitor")["spec"]["podMetricsEndpoints"]
        assert endpoint["authorization"]["credentials"] == {"name": secret, "key": "API_AUTH_KEY"}
        assert documents.pop("ScaledObject")["spec"]["scaleTargetRef"] == {"name": "mtphotos-ocr"}
    deployable(list(documents.values()))


def test_a_stop_waits_as_long_as_the_photos_may_take() -> None:
    drain = settings.load().server_drain_time
    service = load(DEPLOY / "compose.yaml")["services"]["ocr"]
    assert int(service["stop_grace_period"].removesuffix("s")) > drain
    (container,) = pod()["containers"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod()["terminationGracePeriodSeconds"] > pause + drain


def test_the_user_is_that_of_the_image() -> None:
    template = (DEPLOY / "Dockerfile.j2").read_text("utf-8")
    assert "USER {{ bento__uid_gid }}" in template
    from bentoml._internal.container.generate import BENTO_UID_GID  # noqa: PLC0415

    assert pod()["securityContext"]["runAsUser"] == BENTO_UID_GID
    assert f"User {BENTO_UID_GID}," in (DEPLOY / "compose.yaml").read_text("utf-8")


def test_the_proxy_lets_through_what_the_service_takes() -> None:
    proxy = (DEPLOY / "nginx.conf").read_text("utf-8")
    taken = settings.load()
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", proxy)
    assert int(megabytes) * 2**20 > taken.ocr_max_upload_mb * 1e6
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", proxy)
    waits = taken.ocr_queue / taken.ocr_parallel * 20  # seconds, if each photo before it takes as long as few do
    assert int(seconds) > taken.ocr_timeout + waits


def test_every_setting_that_is_named_exists() -> None:
    known = {name.upper() for name in settings.Settings.model_fields} | {"LANG"}
    for path in (path for path in DEPLOY.rglob("*") if path.is_file() and path.name not in {".env", "key.env"}):
        named = re.findall(r"\b(?:OCR|HTTP|SERVER|API|LOG|CLIP)_[A-Z_]+\b", path.read_text("utf-8"))
        assert set(named) <= known, path


@pytest.mark.parametrize(
    "command",
    [f"nginx -t -e stderr -g pid=; -c {DEPLOY}/nginx.conf", f"promtool check rules {DEPLOY}/monitoring/alerts.yaml"],
)
def test_the_program_that_reads_it_takes_it(command: str, tmp_path: Path) -> None:
    arguments = [argument.replace("pid=;", f"pid {tmp_path}/pid;") for argument in command.split(" ")]
    if not shutil.which(arguments[0]):
        pytest.skip(f"{arguments[0]} is not installed")
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((DEPLOY / "monitoring").iterdir()), ids=lambda path: path.name)
def test_outcomes_that_are_asked_for_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    asked = re.findall(r'outcome=~?\\?"([\w|]+)\\?"', text)
    assert asked
    assert {outcome for several in asked for outcome in several.split("|")} <= set(metrics.OUTCOMES)


def test_the_dashboard_is_whole() -> None:
    panels = json.loads((DEPLOY / "monitoring/dashboard.json").read_text("utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels) == 12
    taken = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(taken)) == len(panels)
