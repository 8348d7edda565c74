import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest

import logs

OTHERS = ("bentoml", "circus", "uvicorn", "uvicorn.error")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    loggers = [logs.log, logging.getLogger(), *map(logging.getLogger, OTHERS)]
    before = [(list(logger.handlers), logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    logs.log.info("a photo")
    line = capsys.readouterr().out
    assert line.endswith(" INFO mtphotos_ocr a photo\n")


def test_a_line_of_a_request_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    token = logs.request_id.set("abc")
    logs.log.info("a photo")
    logs.request_id.reset(token)
    assert capsys.readouterr().out.endswith(" a photo request=abc\n")


def test_the_lines_of_libraries_have_the_same_format_and_come_once(capsys: pytest.CaptureFixture[str]) -> None:
    for name in OTHERS:
        logging.getLogger(name).handlers = [logging.StreamHandler(sys.stdout)]  # as BentoML sets them up
    logs.configure("text")
    for name in (*OTHERS, "httpx"):
        logging.getLogger(name).warning("theirs")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [f"WARNING {name} theirs" for name in (*OTHERS, "httpx")]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} ", line) for line in lines)


def test_a_process_that_is_not_ours_keeps_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers)
    logs.configure("text", others=False)
    assert logging.getLogger().handlers == before


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
