"""What is patched in BentoML is still there; tests/api/http and tests/service/test_bento.py see what it does."""

import inspect
import logging
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest
from _bentoml_impl.server import app, serving  # type: ignore[import-untyped]
from bentoml._internal.server.http import instruments
from bentoml._internal.utils.analytics import usage_stats

from api import bentoml_patches
from tests.fakes.project import ROOT

NAME = "RunnerTrafficMetricsMiddleware"


def test_it_was_written_for_the_version_that_is_installed() -> None:
    assert version("bentoml").startswith(bentoml_patches.WRITTEN_FOR)


def test_bentoml_stops_tracking_although_it_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_DO_NOT_TRACK", "False")
    usage_stats.do_not_track.cache_clear()
    assert not usage_stats.do_not_track()
    bentoml_patches.apply()
    assert usage_stats.do_not_track()


def test_bentoml_counts_requests_with_the_class_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = bentoml_patches.KnownPaths.__base__
    assert theirs is not None
    assert (theirs.__name__, theirs.__module__) == (NAME, instruments.__name__)
    monkeypatch.setattr(instruments, NAME, theirs)
    bentoml_patches.apply()
    assert getattr(instruments, NAME) is bentoml_patches.KnownPaths
    assert not hasattr(app, NAME)  # it is looked up when an application is made, not when the module is imported
    assert NAME in inspect.getsource(app)


def test_the_start_is_told_without_an_address(caplog: pytest.LogCaptureFixture) -> None:
    bentoml_patches.apply()
    told = 'Starting production %s BentoServer from "%s" listening on %s://%s:%d (Press CTRL+C to quit)'
    assert told in inspect.getsource(serving)
    logging.getLogger("bentoml").propagate = True
    logging.getLogger("bentoml.serve").warning(told, "HTTP", "service:OcrService", "http", "localhost", 8000)
    logging.getLogger("bentoml.serve").warning("another line of %s", "theirs")
    assert caplog.messages == [
        'Starting production HTTP BentoServer from "service:OcrService" on port 8000 (Press CTRL+C to quit)',
        "another line of theirs",
    ]


def test_another_version_is_named_in_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(logging.getLogger("mtphotos_ocr"), "propagate", True)
    monkeypatch.setattr(bentoml_patches, "version", lambda _: "2.0.0")
    bentoml_patches.apply()
    assert "BentoML 1.4.x, not 2.0.0" in caplog.text


SERVE = """
import sys
from bentoml._internal.context import server_context

server_context.worker_index = 1  # as in the process that answers HTTP
import service

service.OcrService.to_asgi()
print({"aiohttp", "circus", "zmq"} & set(sys.modules))
"""


def test_the_process_that_answers_does_not_import_what_it_never_needs() -> None:
    ran = subprocess.run([sys.executable, "-c", SERVE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_what_it_does_not_import_is_still_looked_up_by_these_names() -> None:
    for name, attribute in bentoml_patches.UNUSED.items():
        assert hasattr(import_module(name), attribute)
