"""The health check inside a container: `python -m health` ends with code 0 if the service is ready."""

import os
import sys
from http.client import HTTPConnection


def ready(host: str, port: str) -> bool:
    """Whether the service at `host` and `port` answers GET /readyz with 200 within 5 seconds.

    Directly: a proxy that is set in the environment is not for this.
    """
    connection = HTTPConnection(host, port, timeout=5)  # type: ignore[arg-type] # what is no number is an OSError
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _first(*names: str, default: str) -> str:
    return next(filter(None, map(os.environ.get, names)), default)


if __name__ == "__main__":
    # in the order in which the container's entrypoint, BentoML and the service take them
    address = _first("BENTOML_HOST", "HTTP_HOST", default="localhost")
    sys.exit(not ready(address, _first("PORT", "BENTOML_PORT", "HTTP_PORT", default="8000")))
