import re
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api import metrics
from ocr.types import Limits
from runners.base import Options
from tests.fakes import documents
from tests.fakes import runner as fakes
from tests.fakes.project import ROOT
from worker.client import WorkerClient
from worker.supervisor import WorkerLimits


def scrape(client: TestClient) -> dict[str, float]:
    """All our samples, by name and labels as Prometheus writes them."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        sample.name + "".join(f"{{{value}}}" for label, value in sample.labels.items() if label != "pid"): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("mtphotos_ocr_")
    }


def send(client: TestClient, photo: bytes) -> None:
    client.post("/ocr", files={"file": ("a.png", photo)})


def test_photos_are_counted_by_outcome(client: TestClient) -> None:
    before = scrape(client)
    send(client, fakes.photo((1, 2, 3)))
    send(client, fakes.photo(fakes.BLANK))
    send(client, b"no photo")
    send(client, fakes.photo(fakes.FAILS))
    client.post("/ocr", content=b"{}")
    client.post("/check")
    after = scrape(client)
    grown = {
        name: after[name] - before.get(name, 0) for name in after if "_total{" in name or name.endswith("lines_total")
    }
    assert grown["mtphotos_ocr_photos_total{read}"] == 2
    assert grown["mtphotos_ocr_photos_total{unreadable_photo}"] == 1
    assert grown["mtphotos_ocr_photos_total{reading_failed}"] == 1
    assert grown["mtphotos_ocr_photos_total{refused}"] == 1
    assert grown["mtphotos_ocr_lines_total"] == 1


def test_the_seconds_of_the_worker_and_of_waiting_are_there(client: TestClient) -> None:
    before = scrape(client)
    send(client, fakes.photo((1, 2, 3)))
    after = scrape(client)
    name = "mtphotos_ocr_stage_seconds_sum{decode}"
    assert after[name] - before.get(name, 0) == 0.25  # what the runner said that it took
    assert (
        after["mtphotos_ocr_stage_seconds_count{wait}"] - before.get("mtphotos_ocr_stage_seconds_count{wait}", 0) == 1
    )


def test_whether_the_service_is_ready_is_a_metric() -> None:
    state = WorkerClient(["onnx"], Options("ppocrv6", 1, Limits(2000, 10**6, 0)), WorkerLimits(1, 30)).state()
    for ready in (False, True):
        assert f"\nmtphotos_ocr_ready {float(ready)}\n" in metrics.snapshot(replace(state, ready=ready), "not set")


def test_what_is_true_now_is_there(client: TestClient) -> None:
    send(client, fakes.photo((1, 2, 3)))
    now = scrape(client)
    assert now["mtphotos_ocr_photos_reading"] == now["mtphotos_ocr_photos_waiting"] == 0
    assert now["mtphotos_ocr_model_loaded"] == 1
    assert now["mtphotos_ocr_memory_bytes{service}"] > 20e6
    assert now["mtphotos_ocr_memory_bytes{worker}"] > 20e6
    for process in ("service", "worker"):
        assert now[f"mtphotos_ocr_memory_peak_bytes{{{process}}}"] >= now[f"mtphotos_ocr_memory_bytes{{{process}}}"]
    assert now["mtphotos_ocr_uptime_seconds"] > 0


def test_a_crash_and_a_restart_are_counted_by_reason(client: TestClient) -> None:
    before = scrape(client)
    send(client, fakes.photo(fakes.KILLS))
    after = scrape(client)
    assert after["mtphotos_ocr_restarts_total{died}"] - before["mtphotos_ocr_restarts_total{died}"] == 2
    assert after["mtphotos_ocr_photos_total{unreadable_photo}"] > before.get(
        "mtphotos_ocr_photos_total{unreadable_photo}", 0
    )


def test_both_pages_name_every_metric(client: TestClient) -> None:
    send(client, fakes.photo((1, 2, 3)))
    names = {re.sub(r"\{.*|_(bucket|count|sum|created)(?=\{|$)", "", name) for name in scrape(client)}
    for page in documents.both("docs/monitoring"):
        listed = documents.names("".join(cells[0] for cells in documents.rows(documents.read(page))))
        assert names == set(listed), page


def test_dashboard_and_alerts_ask_for_metrics_that_exist(client: TestClient) -> None:
    send(client, fakes.photo((1, 2, 3)))
    there = {name.partition("{")[0] for name in scrape(client)}
    for file in ("alerts.yaml", "dashboard.json"):
        asked = set(re.findall(r"mtphotos_ocr_\w+", (ROOT / "deploy" / "monitoring" / file).read_text("utf-8")))
        assert len(asked) > 3
        assert asked <= there


def test_every_outcome_begins_with_none(client: TestClient) -> None:
    there = scrape(client)
    assert all(f"mtphotos_ocr_photos_total{{{name}}}" in there for name in metrics.OUTCOMES)


def test_only_requests_for_paths_that_there_are_are_counted_by_path(client: TestClient) -> None:
    for path in ("/check", "/no-such-path", "/ocr/no-such-path"):
        client.post(path)
    text = client.get("/metrics").text
    assert 'endpoint="/check"' in text
    assert "no-such-path" not in text
