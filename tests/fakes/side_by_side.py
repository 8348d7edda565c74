"""Which tests pytest-xdist may hand to different processes."""

from typing import Any

import pytest

TOGETHER = {
    "the service in this process": ("api/http/",),
    "the service": tuple(f"service/{name}" for name in ("page/", "test_description", "test_examples", "test_served")),
}
"""By a test's path below tests/: what shares a service, and is therefore run by one process. So is each other file."""


def find_group(path: str) -> str:
    """The tests that are run by the same process as those of a file, in words; its path is one below tests/."""
    return next((group for group, places in TOGETHER.items() if path.startswith(places)), path)


def make_scheduler(config: pytest.Config, log: Any) -> object:
    """Hands out the groups in the order of their collection. (xdist_group has no effect since pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - not in every environment

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc] # it has no types
        def _split_scope(self, nodeid: str) -> str:
            return find_group(nodeid.split("::", maxsplit=1)[0].removeprefix("tests/"))

    config.option.loadscopereorder = False
    return ByGroup(config, log)
