"""The page at `/`, the only thing that opens without a key."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

HTML = (Path(__file__).parent / "index.html").read_text("utf-8")
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}


async def index(_: Request) -> Response:
    """The page, in English and Chinese."""
    return HTMLResponse(HTML, headers=HEADERS)
