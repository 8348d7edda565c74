"""What this service changes in uvicorn, because BentoML offers no setting for it."""

from importlib.metadata import version

import uvicorn.protocols.http.auto

from api.forgiving_protocol import ForgivingProtocol
from logs import log

WRITTEN_FOR = "0.54."
"""Of these versions, api.connection_limits and api.forgiving_protocol override methods that are not documented."""


def apply() -> None:
    """Have uvicorn use ForgivingProtocol, which it looks up by this name when a server starts."""
    if not version("uvicorn").startswith(WRITTEN_FOR):
        log.warning("api/forgiving_protocol.py was written for uvicorn %sx, not %s", WRITTEN_FOR, version("uvicorn"))
    uvicorn.protocols.http.auto.AutoHTTPProtocol = ForgivingProtocol
