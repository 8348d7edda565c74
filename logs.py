"""The log's format: lines for people, or JSON. No module logs the text of photos, or keys."""

import logging
import sys
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger("mtphotos_ocr")

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""ID of the request that is being served; every line that is logged meanwhile carries it."""

DATE_FORMAT = "%Y-%m-%dT%H:%M:%S%z"


def configure(form: str) -> None:
    """Log to standard output in the format `form`, `text` or `json`; if it is `json`, BentoML's own lines too."""
    if form == "json":
        formatter: logging.Formatter = JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt=DATE_FORMAT,
            json_ensure_ascii=False,
        )
    else:
        formatter = logging.Formatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s request=%(request_id)s", DATE_FORMAT
        )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_add_request_id)
    handler.setFormatter(formatter)
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
    if form == "json":
        for logger in (logging.getLogger("bentoml"), logging.getLogger()):
            logger.handlers = [handler]
            logger.propagate = False


def escape(text: str) -> str:
    """Text from outside, such as a path, made safe for a line of the log: no line breaks, no escape sequences."""
    return ascii(text)[1:-1]


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True
