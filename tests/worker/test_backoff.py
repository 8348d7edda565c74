"""How long to wait after failures."""

import pytest

from worker import backoff
from worker.backoff import Backoff


def test_pauses_grow_and_the_last_goes_on_until_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "PAUSES", (0.0, 100.0, 1000.0))
    attempts = Backoff()
    for _ in range(2):
        assert attempts.left == 0
        for pause in (0, 100, 1000, 1000):
            attempts.failed()
            assert attempts.left == pytest.approx(pause, abs=10)
        attempts.succeeded()
