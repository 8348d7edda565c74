"""What this service changes inside BentoML, because it offers no setting for it."""

import logging
import os
import sys
from importlib.metadata import version
from types import ModuleType

from bentoml._internal.context import server_context
from bentoml._internal.server.http import instruments
from bentoml._internal.utils.analytics import usage_stats
from starlette.types import Receive, Scope, Send

from api import openapi
from logs import log

WRITTEN_FOR = "1.4."

UNUSED = {"_bentoml_impl.server.proxy": "create_proxy_app", "bentoml._internal.utils.circus": "Server"}
"""What the process that answers HTTP imports for nothing, and what of it by name: together a quarter of its imports.

The first hands requests on to a service that is a command; the second is of the process above, which watches this one.
"""


class KnownPaths(instruments.RunnerTrafficMetricsMiddleware):
    """BentoML's count of requests by path, only for paths that exist: anyone can request others, without a key."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, or only pass it on."""
        await (super().__call__ if scope.get("path") in openapi.PATHS else self.app)(scope, receive, send)


def leave_out_address(record: logging.LogRecord) -> bool:
    """Have BentoML say that it starts, but not at which address: for all addresses of a machine it names localhost."""
    if isinstance(record.args, tuple) and str(record.msg).startswith("Starting production"):
        scheme, bento, *_, port = record.args
        record.msg = 'Starting production %s BentoServer from "%s" on port %s (Press CTRL+C to quit)'
        record.args = (scheme, bento, port)
    return True


def apply() -> None:
    """Stop BentoML's reports, count requests with KnownPaths, name no address that is not right, and import less."""
    if not version("bentoml").startswith(WRITTEN_FOR):
        log.warning("api/bentoml_patches.py was written for BentoML %sx, not %s", WRITTEN_FOR, version("bentoml"))
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # also for the processes that BentoML starts
    usage_stats.do_not_track.cache_clear()  # `bentoml serve` asked before it loaded the service, and keeps the answer
    logging.getLogger("bentoml.serve").addFilter(leave_out_address)
    instruments.RunnerTrafficMetricsMiddleware = KnownPaths  # type: ignore[misc] # BentoML looks it up by this name
    if server_context.worker_index is not None:  # this is the process that answers HTTP
        for name, attribute in UNUSED.items():
            module = ModuleType(name)
            setattr(module, attribute, None)
            sys.modules.setdefault(name, module)
