"""The API key, checked for every route before the body is read."""

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PUBLIC_PATHS = frozenset({"/", "/livez", "/readyz"})
"""These answer without a key: the page, and the probes of the container's runtime."""


class ApiKeyMiddleware:
    """Answers 401 to requests without the header `api-key: KEY` or `Authorization: Bearer KEY`.

    MT Photos sends the first; Prometheus and BentoML's client can only send the second.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        if not key:
            raise ValueError("an empty key would let everybody in")
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_request = scope["type"] in ("http", "websocket")
        if not is_request or scope["path"] in PUBLIC_PATHS or self._holds_key(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _unauthorized(scope, receive, send)

    def _holds_key(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        candidates = (headers.get("api-key", ""), token.strip() if scheme.lower() == "bearer" else "")
        # Starlette decodes headers as Latin-1, which has a character for every byte
        matches = [hmac.compare_digest(candidate.encode("latin-1"), self._key) for candidate in candidates]
        return any(matches)


_unauthorized = JSONResponse(
    {"detail": "Invalid API key: send the value of API_AUTH_KEY as the header api-key"},
    status_code=401,
    headers={"www-authenticate": "Bearer"},
)
