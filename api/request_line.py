"""The first line of a request: an address with slashes too many, and the method OPTIONS."""

import re

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class AllowedMethods:
    """Answers OPTIONS with the methods that an address has, and names OPTIONS where another method is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = scope["method"] == "OPTIONS"
        replaced = False

        async def send_allowed(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == 405:
                headers = MutableHeaders(scope=message)
                headers["allow"] = ", ".join(filter(None, (headers.get("allow"), "OPTIONS")))
                if asked:
                    replaced = True
                    await Response(status_code=204, headers={"allow": headers["allow"]})(scope, receive, send)
            if not replaced:
                await send(message)

        if asked and scope["path"] == "*":  # the service as a whole (RFC 9110, 9.3.7)
            await Response(status_code=204, headers={"allow": "GET, HEAD, POST, OPTIONS"})(scope, receive, send)
        else:
            await self._app(scope, receive, send_allowed)
