"""The soak, in small."""

import subprocess
import sys

from tests.fakes.project import ROOT
from tests.fakes.served import environment


def test_a_short_soak_loses_nothing_and_says_what_it_measured() -> None:
    sizes = ["--requests", "10", "--restart-every", "4", "--kill-every", "6", "--calm", "4", "--photos", "2"]
    command = [sys.executable, "-m", "benchmarks.soak", *sizes, "--minutes", "10"]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert "| found | allowed |" in ran.stdout, ran.stdout + ran.stderr
    table = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in rows(ran.stdout)}
    for name in ("requests lost, with restarts and kills", "requests lost, without", "texts and keys in the log"):
        assert table[name] == ["0", "0", ""], ran.stdout + ran.stderr
    for name in ("peak with restarts and kills, MB", "peak without, MB", "after idle release, MB"):
        assert float(table[name][0]) > 100
    assert ran.returncode == any("NOT KEPT" in cells for cells in table.values())


def rows(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("| ")][1:]
