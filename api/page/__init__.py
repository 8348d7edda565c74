"""The page at `/`, the only one that opens without a key: one document, made from the files beside this one."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse, Response

HERE = Path(__file__).parent
SCRIPTS = ("words.js", "page.js", "photos.js", "doing.js")
"""They make one module, in this order."""


def _read_text(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


ICON = _read_text("icon.svg").strip()
STYLE = _read_text("page.css")
SCRIPT = "\n".join(map(_read_text, SCRIPTS))
DOCUMENT = Template(_read_text("index.html"))
HEADERS = {
    "content-security-policy": "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(SCRIPT)}",
            f"style-src {_hash(STYLE)}",
            "img-src 'self' blob:",  # the icon; the photos, which the browser already has
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",  # with no type allowed, no text can become HTML
            "trusted-types 'none'",
        ]
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",  # after an update, nobody sees the previous version's page
}


def render(*, version: str, runner: str, model: str, languages: Sequence[str], slow: bool) -> Response:
    """The page of a service of this version that reads these languages with this runner and model.

    `slow`: a lighter model would read much faster here.
    """
    about = {"version": version, "runner": runner, "model": model}
    escaped = {name: escape(value) for name, value in about.items()}
    words = (f'<span data-say="{escape(word)}">{escape(word)}</span>' for word in languages or ["not known"])
    return HTMLResponse(
        DOCUMENT.substitute(
            escaped, languages=", ".join(words), hidden="" if slow else "hidden", icon=ICON, style=STYLE, script=SCRIPT
        ),
        headers=HEADERS,
    )


def render_icon() -> Response:
    """The page's icon, which browsers ask for without a key."""
    headers = {
        "content-security-policy": "default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "max-age=86400",  # seconds
    }
    return Response(ICON, media_type="image/svg+xml", headers=headers)
