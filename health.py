"""The health check inside a container: `python -m health` ends with code 0 if the service is ready."""

import os
import sys
from http.client import HTTPConnection


def ready(port: int) -> bool:
    """Whether the service on this machine's `port` answers GET /readyz with 200 within 5 seconds.

    Directly: a proxy that is set in the environment is not for this.
    """
    connection = HTTPConnection("localhost", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


if __name__ == "__main__":
    # in the order in which the container's entrypoint, BentoML and the service take them
    sys.exit(not ready(int(next(filter(None, map(os.environ.get, ("PORT", "BENTOML_PORT", "HTTP_PORT"))), "8000"))))
