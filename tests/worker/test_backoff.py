"""How long to wait after failures."""

import pytest

from worker.backoff import Backoff


def test_pauses_grow_and_the_last_repeats_until_a_success() -> None:
    attempts = Backoff((0.0, 100.0, 1000.0))
    for _ in range(2):
        assert attempts.left_s == 0
        for pause in (0, 100, 1000, 1000):
            attempts.count_failure()
            assert attempts.left_s == pytest.approx(pause, abs=10)
        attempts.reset()
