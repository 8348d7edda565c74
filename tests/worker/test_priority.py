"""The worker steps back behind others, where that can be done."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fakes.project import ROOT
from worker.priority import step_back

ASK = """
import os, threading
import psutil
from worker.priority import step_back
before = os.nice(0)
step_back({niceness})
seen = []
thread = threading.Thread(target=lambda: seen.append(os.nice(0)))
thread.start()
thread.join()
print(os.nice(0) - before, seen[0] - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no niceness of its own")
@pytest.mark.parametrize("niceness", [0, 7])
def test_a_process_and_the_threads_that_it_starts_step_back(niceness: int) -> None:
    program = ASK.format(niceness=niceness)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(niceness)] * 2


@pytest.mark.skipif(not hasattr(psutil, "IOPRIO_CLASS_IDLE"), reason="there are classes on Linux only")
def test_disks_are_read_when_nobody_else_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "nice", lambda _: None)
    monkeypatch.setattr(Path, "write_text", lambda *_: None)  # the session of the tests stays as it is
    monkeypatch.setattr(psutil.Process, "ionice", lambda _, ioclass: asked.append(ioclass))
    step_back(10)
    assert asked == [psutil.IOPRIO_CLASS_IDLE]


def test_what_a_system_does_not_allow_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(psutil.Process, "ionice", refuse)
    step_back(10)


def test_a_system_without_niceness_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "nice")
    monkeypatch.setattr(psutil, "Process", None)
    step_back(10)
