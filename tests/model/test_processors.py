"""OpenVINO on older processors, as oneDNN computes when it is told to do without their newer instructions."""

import json
import os
import subprocess
import sys

import pytest

from tests.fakes.project import DATA, PICTURES, ROOT
from tests.fakes.waiting import LONG_S

READ = """
import json, sys
from pathlib import Path

from ocr.types import Limits
from runners.base import Options
from runners.openvino import OpenVinoRunner

runner = OpenVinoRunner(Options("ppocrv6", threads=2, limits=Limits(2000, 10**8, 0.5)))
runner.load()
photos = (Path(name).read_bytes() for name in sys.argv[1:])
print(json.dumps([[line.text for line in runner.read(photo).lines] for photo in photos]))
"""


@pytest.mark.parametrize("newest", ["SSE41", "AVX2"])
def test_it_reads_without_newer_instructions(newest: str) -> None:
    names = ["clouds.jpg", "strip.png", "clouds.jpg", "tilted.png"]
    command = [sys.executable, "-c", READ, *(str(DATA / name) for name in names)]
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": newest}
    ran = subprocess.run(  # in the root, where the modules are
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [PICTURES.get(name, []) for name in names]
