"""BentoML's own tracing, by the line that the docs give."""

import json
import subprocess
import sys

import pytest

from tests.fakes import documents
from tests.fakes.project import ROOT
from tests.fakes.served import environment
from tests.fakes.waiting import LONG_S

TRACE = "0af7651916cd43dd8448eb211c80319c"
PROGRAM = f"""
import json
from opentelemetry.sdk.trace.export import SpanExportResult, in_memory_span_exporter

class Printing(in_memory_span_exporter.InMemorySpanExporter):
    def export(self, spans):
        for span in spans:
            print(json.dumps([span.name, f"{{span.context.trace_id:032x}}", dict(span.attributes)]), flush=True)
        return SpanExportResult.SUCCESS

in_memory_span_exporter.InMemorySpanExporter = Printing

from starlette.testclient import TestClient
from runners.registry import RUNNERS, RunnerEntry
RUNNERS["openvino"] = RunnerEntry("tests.fakes.runner:ColourRunner", ("numpy",))
import service
from bentoml._internal.configuration.containers import BentoMLContainer

with TestClient(service.OcrService.to_asgi()) as client:
    client.get("/livez")
    client.post("/check", headers={{"api-key": "key", "traceparent": "00-{TRACE}-b7ad6b7169203331-01"}})
BentoMLContainer.tracer_provider.get().force_flush()
"""
"""Sends two requests to the service in a process of its own, where BentoML reads its configuration."""


@pytest.mark.parametrize("page", documents.both("docs/monitoring"))
def test_a_request_is_a_span_of_its_clients_trace(page: str) -> None:
    (line,) = documents.blocks(documents.read(page), "sh")
    name, _, options = line.strip().partition("=")
    options = options.strip("'").replace("exporter_type=otlp", "exporter_type=in_memory")
    told = environment(API_AUTH_KEY="key", **{name: options.replace("sample_rate=0.1", "sample_rate=1.0")})
    command = [sys.executable, "-c", PROGRAM]
    ran = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert ran.returncode == 0, ran.stderr
    spans = {span[0]: span[1:] for span in (json.loads(row) for row in ran.stdout.splitlines() if row[:1] == "[")}
    trace, attributes = spans["POST /check"]
    assert trace == TRACE
    assert attributes["http.status_code"] == 200
    assert not [name for name in spans if "livez" in name]
