"""The log's format: lines for people, or JSON. No module logs the text of photos, or keys."""

import logging
import sys
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger("mtphotos_ocr")

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""ID of the request that is being served; every line that is logged meanwhile carries it."""

DATE_FORMAT = "%Y-%m-%dT%H:%M:%S%z"


def configure(form: str, *, others: bool = True) -> None:
    """Log to standard output in the format `form`, `text` or `json`; with `others`, what libraries log too."""
    if form == "json":
        formatter: logging.Formatter = JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt=DATE_FORMAT,
            json_ensure_ascii=False,
        )
    else:
        formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s%(request)s", DATE_FORMAT)
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_add_request_id)
    handler.setFormatter(formatter)
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
    if others:
        logging.getLogger().handlers = [handler]
        for name in ("bentoml", "circus", "uvicorn", "uvicorn.error"):  # they may have handlers of their own
            logging.getLogger(name).handlers = []
            logging.getLogger(name).propagate = True


def escape(text: str) -> str:
    """Text from outside, such as a path, made safe for a line of the log: no line breaks, no escape sequences."""
    return ascii(text)[1:-1]


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = own_id = request_id.get()
    record.request = "" if own_id == "-" else f" request={own_id}"
    return True
