"""The first line of a request: an address with slashes too many."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from api import openapi


class PlainPaths:
    """Has `//ocr`, `/ocr/` and their like answered like `/ocr`: the service's address is often entered with a slash.

    It stands before the check of the key, so that this sees the path that is served.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "path" in scope:
            scope = {**scope, "path": _make_plain(scope["path"])}  # the log shows what was asked for
        await self._app(scope, receive, send)


def _make_plain(path: str) -> str:
    single = re.sub("//+", "/", path)
    without_end = single.rstrip("/")
    return without_end if without_end in openapi.PATHS else single
