"""The health check inside a container: `python -m api.health` ends with code 0 if the service is ready."""

import os
import sys
from http.client import HTTPConnection


def is_ready(host: str, port: str) -> bool:
    """Whether the service at `host` and `port` answers GET /readyz with 200 within 5 seconds.

    It is asked directly, not by way of a proxy that the environment names.
    """
    connection = HTTPConnection(host, port, timeout=5)  # type: ignore[arg-type] # if it is not a number, that is an OSError
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _first_set(*names: str, default: str) -> str:
    return next(filter(None, map(os.environ.get, names)), default)


if __name__ == "__main__":
    # in the order in which the container's entrypoint, BentoML and the service look at them
    address = _first_set("BENTOML_HOST", "HTTP_HOST", default="localhost")
    sys.exit(not is_ready(address, _first_set("PORT", "BENTOML_PORT", "HTTP_PORT", default="8000")))
