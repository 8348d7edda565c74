"""Where things are, and what is known of the pictures in tests/data."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
PICTURES: dict[str, list[str]] = json.loads((DATA / "pictures.json").read_text("utf-8"))
"""The lines in each, from top to bottom."""

KEY = "a key for the tests"
