"""The API key, checked for every route before the body is read."""

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PUBLIC_PATHS = frozenset({"/", "/favicon.ico", "/livez", "/readyz"})
"""These answer without a key: the page and its icon, and the probes of the container's runtime."""

KEPT = "surrogateescape"
"""How bytes that are no UTF-8 get through decoding and encoding as they are."""


class ApiKeyMiddleware:
    """Answers 401 to requests without the header `api-key: KEY` or `Authorization: Bearer KEY`.

    MT Photos sends the first; Prometheus and BentoML's client can only send the second. White space around a key, as
    copying and pasting adds it, does not count.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        if not key.strip():
            raise ValueError("an empty key would let everybody in")
        self._app = app
        self._key = key.strip().encode(errors=KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_request = scope["type"] in ("http", "websocket")
        if not is_request or scope["path"] in PUBLIC_PATHS or self._holds_key(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _unauthorized(scope, receive, send)

    def _holds_key(self, headers: Headers) -> bool:
        scheme, _, token = _read(headers, "authorization").partition(" ")
        candidates = (_read(headers, "api-key"), token.strip() if scheme.lower() == "bearer" else "")
        matches = [hmac.compare_digest(candidate.encode(errors=KEPT), self._key) for candidate in candidates]
        return any(matches)


def _read(headers: Headers, name: str) -> str:
    """A header's text without white space around it; that of UTF-8 too, such as a no-break space."""
    # Starlette decodes headers as Latin-1, which has a character for every byte
    return headers.get(name, "").encode("latin-1").decode(errors=KEPT).strip()


_unauthorized = JSONResponse(
    {"detail": "Invalid API key: send the value of API_AUTH_KEY as the header api-key"},
    status_code=401,
    headers={"www-authenticate": "Bearer"},
)
