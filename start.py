"""What `make serve` runs: `bentoml serve`, after what it needs was checked and what MT Photos needs was printed."""

import atexit
import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import settings


def main() -> None:
    """Serve in this process; what stands in the way of that ends it with one line and code 1."""
    try:
        current = settings.load()
        current.check()  # a second or more before BentoML could: it has to be imported first
    except settings.SettingsError as problem:
        sys.exit(f"mtphotos-ocr cannot start: {problem}")
    _find_home()
    print(settings.describe_access(current), flush=True)  # noqa: T201
    sys.argv = ["bentoml", "serve", "service:OcrService"]
    runpy.run_module("bentoml", run_name="__main__")


def _find_home() -> None:
    """Have BentoML keep its files in a temporary folder, if it cannot do so where it would: it would not start."""
    home = Path(os.environ.get("BENTOML_HOME") or os.path.expanduser("~/bentoml"))  # noqa: PTH111 - never raises
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        folder = tempfile.mkdtemp(prefix="bentoml-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["BENTOML_HOME"] = folder
        print(f"{home} cannot be written ({error.strerror}): BentoML keeps its files in {folder} instead")  # noqa: T201


if __name__ == "__main__":
    main()
