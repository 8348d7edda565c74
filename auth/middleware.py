"""The key in front of every route, checked before the body is read."""

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PUBLIC = frozenset({"/", "/livez", "/readyz"})
"""What answers without a key: the page, and the probes of whoever runs the container."""


class ApiKeyMiddleware:
    """Answers 401 unless `api-key: KEY` or `Authorization: Bearer KEY` came with the request.

    MT Photos sends the first; Prometheus and BentoML's client can only send the second.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        if not key:
            raise ValueError("an empty key would let everybody in")
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = scope["type"] in ("http", "websocket")
        if not request or scope["path"] in PUBLIC or self._holds_key(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refusal(scope, receive, send)

    def _holds_key(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        sent = (headers.get("api-key", ""), token.strip() if scheme.lower() == "bearer" else "")
        # Starlette decodes headers as Latin-1, which has a character for every byte
        matches = [hmac.compare_digest(candidate.encode("latin-1"), self._key) for candidate in sent]
        return any(matches)


_refusal = JSONResponse(
    {"detail": "Invalid API key: send the value of API_AUTH_KEY as the header api-key"},
    status_code=401,
    headers={"www-authenticate": "Bearer"},
)
