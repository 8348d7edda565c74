"""The bench, on two of our own pictures."""

import json
import subprocess
import sys
from pathlib import Path

from tests.fakes.project import DATA, ROOT
from tests.fakes.served import environment


def test_the_bench_measures_the_service_beside_a_peer(tmp_path: Path) -> None:
    label = {"quad": [[98, 0], [141, 0], [141, 23], [98, 23]], "text": "Exit", "ignore": False}
    rows = [
        {"image": str(DATA / "strip.png"), "set": "scenes", "lines": [label]},
        {"image": str(DATA / "clouds.jpg"), "set": "no-text", "lines": []},
    ]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    arguments = [str(tmp_path), "--out", str(tmp_path / "out"), "--peer", "rapidocr_openvino"]
    command = [sys.executable, "-m", "benchmarks.bench", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    table = {row.split("|")[1].strip(): row.split("|")[2:-1] for row in ran.stdout.splitlines()}
    assert [cell.strip() for cell in table["lines F1, scenes"]] == ["1.000", "", "1.000"]
    for row in ("scenes", "no-text", "**library mix**", "peak memory, MB"):
        assert all(float(cell.strip(" *")) > 0 for cell in table[row])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"table.md", "plot.png", "seconds.json"}
