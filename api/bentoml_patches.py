"""What this service changes inside BentoML, because it offers no setting for it."""

import os
from importlib.metadata import version

from bentoml._internal.server.http import instruments
from bentoml._internal.utils.analytics import usage_stats
from starlette.types import Receive, Scope, Send

from api import openapi
from logs import log

WRITTEN_FOR = "1.4."


class KnownPaths(instruments.RunnerTrafficMetricsMiddleware):
    """BentoML's count of requests by path, only for paths that exist: anyone can request others, without a key."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, or only pass it on."""
        await (super().__call__ if scope.get("path") in openapi.PATHS else self.app)(scope, receive, send)


def apply() -> None:
    """Stop BentoML's reports to its makers, and have it count requests with KnownPaths."""
    if not version("bentoml").startswith(WRITTEN_FOR):
        log.warning("api/bentoml_patches.py was written for BentoML %sx, not %s", WRITTEN_FOR, version("bentoml"))
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # also for the processes that BentoML starts
    usage_stats.do_not_track.cache_clear()  # `bentoml serve` asked before it loaded the service, and keeps the answer
    instruments.RunnerTrafficMetricsMiddleware = KnownPaths  # type: ignore[misc] # BentoML looks it up by this name
