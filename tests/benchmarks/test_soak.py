"""What the soak accepts and what it rejects."""

from collections import Counter
from random import Random

import pytest

from benchmarks.drawn import draw
from benchmarks.soak import Phase, judge

MB = 10**6
CALM = Phase(lines=1000, memory=[500 * MB] * 40)


def broken(stormy: Phase = CALM, calm: Phase = CALM, rest: int = 200 * MB, indiscreet: int = 0) -> list[str]:
    return [name for name, _, _, kept in judge(stormy, calm, rest, indiscreet) if not kept]


def test_a_service_without_fault_passes() -> None:
    assert broken() == []


@pytest.mark.parametrize(
    ("phase", "name"),
    [
        (Phase(Counter({"503": 1}), 1000, 0, CALM.memory), "requests lost, without"),
        (Phase(Counter(), 1000, 6, CALM.memory), "lines that differ, without"),
        (Phase(Counter(), 1000, 0, [500 * MB] * 30 + [530 * MB] * 10), "growth, second to last quarter"),
        (Phase(Counter(), 1000, 0, [500 * MB] * 10 + [950 * MB] + [500 * MB] * 29), "peak without, MB"),
    ],
)
def test_a_fault_is_found(phase: Phase, name: str) -> None:
    assert broken(calm=phase) == [name]


def test_memory_that_stays_and_texts_in_the_log_are_found() -> None:
    assert broken(rest=221 * MB, indiscreet=1) == ["after idle release, MB", "texts and keys in the log"]


def test_what_is_drawn_is_the_same_every_time() -> None:
    first, second = Random(3), Random(3)
    assert [draw(first).file for _ in range(3)] == [draw(second).file for _ in range(3)]


def test_a_run_too_short_for_four_samples_of_memory_is_judged_too() -> None:
    assert broken(calm=Phase(lines=10, memory=[500 * MB])) == []
    assert broken(calm=Phase(lines=10, memory=[500 * MB, 600 * MB])) == ["growth, second to last quarter"]
