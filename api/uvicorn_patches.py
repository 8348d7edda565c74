"""What this service changes in uvicorn, because BentoML offers no setting for it."""

from importlib.metadata import version

import uvicorn.protocols.http.auto

from api.connection_limits import BoundedProtocol
from logs import log

WRITTEN_FOR = "0.54."
"""Of these versions, BoundedProtocol overrides methods that are not documented."""


def apply() -> None:
    """Have uvicorn use BoundedProtocol, which it looks up by this name when a server starts."""
    if not version("uvicorn").startswith(WRITTEN_FOR):
        log.warning("api/connection_limits.py was written for uvicorn %sx, not %s", WRITTEN_FOR, version("uvicorn"))
    uvicorn.protocols.http.auto.AutoHTTPProtocol = BoundedProtocol
