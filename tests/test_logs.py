import json
import logging
from collections.abc import Iterator

import pytest

import logs


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    loggers = [logs.log, logging.getLogger("bentoml"), logging.getLogger()]
    before = [(list(logger.handlers), logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    logs.log.info("a photo")
    line = capsys.readouterr().out
    assert line.endswith(" INFO mtphotos_ocr a photo request=-\n")


def test_json_for_machines_with_the_id_of_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    token = logs.request_id.set("abc")
    try:
        int("文字")
    except ValueError:
        logs.log.exception("failed")
    logging.getLogger("bentoml.serve").warning("theirs")
    logs.request_id.reset(token)
    ours, theirs = map(json.loads, capsys.readouterr().out.splitlines())
    assert ours["level"] == "ERROR"
    assert ours["request_id"] == "abc"
    assert "'文字'" in ours["exc_info"]
    assert theirs["message"] == "theirs"
