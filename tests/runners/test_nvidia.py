"""NVIDIA's libraries, as packages bring them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runners import nvidia


@pytest.fixture
def _packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two packages with a library each."""
    for name in ("cudnn/lib/libcudnn.so.8", "cublas/lib/libcublas.so.11"):
        library = tmp_path / "nvidia" / name
        library.parent.mkdir(parents=True)
        library.write_text(name, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    yield
    nvidia.clean_up()


@pytest.mark.usefixtures("_packages")
def test_libraries_are_found_with_and_without_their_versions() -> None:
    folder, others = nvidia.make_environment()["LD_LIBRARY_PATH"].split(os.pathsep)
    assert others == "/somewhere"
    assert {path.name: path.read_text("utf-8") for path in Path(folder).iterdir()} == {
        "libcudnn.so": "cudnn/lib/libcudnn.so.8",
        "libcudnn.so.8": "cudnn/lib/libcudnn.so.8",
        "libcublas.so": "cublas/lib/libcublas.so.11",
        "libcublas.so.11": "cublas/lib/libcublas.so.11",
    }
    assert nvidia.make_environment()["LD_LIBRARY_PATH"].startswith(folder)
    nvidia.clean_up()
    assert not Path(folder).exists()


def test_there_is_a_driver_if_its_library_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "DRIVER", "libc.so.6")
    assert nvidia.has_driver()
    monkeypatch.setattr(nvidia, "DRIVER", "libnone.so.1")
    assert not nvidia.has_driver()
