"""Schemathesis tries to find an answer that the API's description does not foretell."""

import subprocess
import sys
from pathlib import Path

from tests.fakes.served import Served


def test_no_answer_is_unforetold(served: Served, tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", f"{served.url}/docs.json", "--no-color"),
            *("--header", f"api-key: {served.key}", "--max-examples", "20", "--generation-deterministic"),
            # it sends files without a file name, which are texts in a form: these are refused, rightly
            *("--exclude-checks", "positive_data_acceptance"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
