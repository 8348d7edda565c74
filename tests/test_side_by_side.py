"""What tests/conftest.py adds to pytest, so that tests can be run by several processes and a failure be told."""

import gc

import pytest

from tests.fakes.kept import Noted
from tests.fakes.project import ROOT
from tests.fakes.side_by_side import find_group


@pytest.mark.parametrize("failed", [True, False])
def test_what_a_failed_test_has_left_is_collected_before_its_report_and_nothing_while_it_is_made(
    failed: bool, request: pytest.FixtureRequest
) -> None:
    def report() -> None:
        assert not gc.isenabled()
        freed.append(Noted.freed)

    def fail() -> None:
        if failed:
            raise ValueError

    freed = [Noted.freed]
    circle: list[object] = [Noted()]
    circle.append(circle)
    del circle
    call = pytest.CallInfo.from_call(fail, "call")
    hook = request.config.hook.pytest_runtest_makereport
    plugin = type("Plugin", (), {"pytest_runtest_makereport": staticmethod(report)})
    request.config.pluginmanager.register(plugin)
    try:
        hook(item=request.node, call=call)
    finally:
        request.config.pluginmanager.unregister(plugin)
    assert (freed[1] > freed[0]) == failed
    assert gc.isenabled()


def test_tests_that_share_a_service_are_run_by_one_process(request: pytest.FixtureRequest) -> None:
    shared = [item for item in request.session.items if "served" in getattr(item, "fixturenames", ())]
    assert {find_group(item.path.relative_to(ROOT / "tests").as_posix()) for item in shared} <= {"the service"}
