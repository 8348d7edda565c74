"""What tests/conftest.py adds to pytest."""

import gc
from types import SimpleNamespace
from typing import cast

import pytest

from tests import conftest
from tests.fakes.kept import Noted


def leave_garbage() -> None:
    circle: list[object] = [Noted()]
    circle.append(circle)


@pytest.mark.parametrize("failed", [True, False])
def test_what_a_failed_test_has_left_is_collected_before_its_report_and_nothing_while_it_is_made(failed: bool) -> None:
    leave_garbage()
    freed = Noted.freed
    call = cast("pytest.CallInfo[None]", SimpleNamespace(excinfo=ValueError() if failed else None))
    hook = conftest.pytest_runtest_makereport(call)
    next(hook)
    assert not gc.isenabled()
    assert (Noted.freed > freed) == failed
    hook.close()
    assert gc.isenabled()


def test_tests_that_share_a_service_are_run_by_one_process(request: pytest.FixtureRequest) -> None:
    shared = [item for item in request.session.items if "served" in getattr(item, "fixturenames", ())]
    assert {conftest.find_group(str(item.path.relative_to(conftest.HERE))) for item in shared} <= {"the service"}
