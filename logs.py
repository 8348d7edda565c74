"""The log's format: lines for people, or JSON. No module writes text of photos or keys into it."""

import logging
import sys
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger("mtphotos_ocr")

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""Of the request that is being served; every line that is logged meanwhile carries it."""

DATE = "%Y-%m-%dT%H:%M:%S%z"


def configure(form: str) -> None:
    """Log to standard output as `form` says, `text` or `json`; BentoML's own lines too if it is JSON."""
    if form == "json":
        formatter: logging.Formatter = JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt=DATE,
            json_ensure_ascii=False,
        )
    else:
        formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s request=%(request_id)s", DATE)
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_add_request_id)
    handler.setFormatter(formatter)
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
    if form == "json":
        for theirs in (logging.getLogger("bentoml"), logging.getLogger()):
            theirs.handlers = [handler]
            theirs.propagate = False


def printable(text: str) -> str:
    """What others chose, such as a path, for a line of the log: no line breaks, no escape sequences."""
    return ascii(text)[1:-1]


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True
