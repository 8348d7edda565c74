"""Waiting for what other threads, processes or tasks do: as long as it takes on this machine, however busy it is."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TypeVar

LONG_S = 600.0
"""Seconds: whatever takes longer hangs. No test says how fast something is, so no wait is shorter."""

T = TypeVar("T")


def wait_until(
    condition: Callable[[], bool],
    what: str = "what the test waits for",
    *,
    while_: Callable[[], bool] = lambda: True,
    told: Callable[[], str] = str,
) -> None:
    """Return as soon as a condition holds; fail if it cannot hold any more, since `while_` has ended.

    A failure names `what` has not happened, and what is `told` then.
    """
    end = time.monotonic() + LONG_S
    while not condition():
        alive = while_()
        assert alive, f"{what} can no longer happen: {told()}"
        assert time.monotonic() < end, f"{what} has not happened within {LONG_S:g} s: {told()}"
        time.sleep(0.01)


def run_to_its_end(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine in an event loop of its own, unless it hangs."""
    return asyncio.run(asyncio.wait_for(work, LONG_S))
