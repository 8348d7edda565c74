"""Prepared networks are kept where only this user can change them, and loaded only where they fit."""

import logging
import os
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from ocr.types import Limits
from runners import prepared
from runners.base import Options
from runners.onnx import OnnxRunner
from runners.openvino import OpenVinoRunner
from runners.pipeline import PipelineRunner
from runners.prepared import Prepared
from tests.fakes.project import DATA

MADE = Prepared([b"one", b"", b"three" * 1000], ["int8"], ["人", "\n", " "])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"a model")
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The user's cache, and the folder of temporary files."""
    cache, temporary = tmp_path / "cache", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(temporary))
    return cache, temporary


def test_the_folder_is_one_of_the_users_cache_and_nobody_elses(places: tuple[Path, Path]) -> None:
    folder = prepared.find_folder()
    assert folder == places[0] / "mtphotos-ocr"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert prepared.find_folder() == folder


@pytest.mark.parametrize("trouble", ["a file in the way", "others can write"])
def test_a_cache_that_cannot_be_used_leaves_temporary_files(places: tuple[Path, Path], trouble: str) -> None:
    cache, temporary = places
    if trouble == "others can write":
        (cache / "mtphotos-ocr").mkdir(parents=True)
        (cache / "mtphotos-ocr").chmod(0o777)
    else:
        cache.write_bytes(b"")
    assert prepared.find_folder() == temporary / f"mtphotos-ocr-{os.getuid()}"


def test_a_folder_of_somebody_else_is_not_taken(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    prepared.find_folder()
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert prepared.find_folder() is None


def test_what_was_kept_is_read_again_and_replaces_what_there_was_of_this_model(model: Path, tmp_path: Path) -> None:
    other = prepared.locate(tmp_path, model, "detector", ["AVX2"])
    old, new = (prepared.locate(tmp_path, model, "recognizer", [processor]) for processor in ("SSE4.1", "AVX2"))
    assert prepared.read(old) is None
    for file in (old, other, new):
        prepared.write(file, MADE)
    assert prepared.read(new) == prepared.read(other) == MADE
    assert prepared.read(old) is None
    assert sorted(tmp_path.iterdir()) == sorted([model, other, new])


def test_the_name_tells_models_circumstances_and_code_apart(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "changed.onnx"
    changed.write_bytes(b"another model")
    names = [prepared.locate(tmp_path, path, "a", [one]) for path in (model, changed) for one in ("2025.4", "2026.0")]
    monkeypatch.setattr(prepared, "_fingerprint_code", lambda: "other code")
    assert len({*names, prepared.locate(tmp_path, model, "a", ["2025.4"])}) == 5


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "something else", "without its facts"])
def test_a_damaged_file_counts_as_none(
    damage: str, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = prepared.locate(tmp_path, model, "a", [])
    prepared.write(file, MADE)
    whole = file.read_bytes()
    if damage == "without its facts":
        with ZipFile(file, "w") as kept:
            kept.writestr("0.network", b"one")
    else:
        half = len(whole) // 2
        parts = {"cut off": whole[:half], "overwritten": whole.replace(b"three" * 9, b"four!" * 9)}
        file.write_bytes(parts.get(damage, b"something else"))
    with caplog.at_level(logging.WARNING):
        assert prepared.read(file) is None
    assert "made anew" in caplog.text


def test_a_disk_that_takes_nothing_is_only_logged(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepared.write(prepared.locate(tmp_path / "gone", model, "a", []), MADE)
    assert "not kept" in caplog.text


@pytest.mark.parametrize("kind", [OpenVinoRunner, OnnxRunner])
def test_an_engine_reads_the_same_with_networks_from_disk(
    kind: type[PipelineRunner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> PipelineRunner:
        runner = kind(Options("ppocrv6", threads=2, limits=Limits(2000, 10**8, 0.5), prepared_dir=tmp_path))
        runner.load()
        return runner

    made = load()
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setitem(sys.modules, "networks.recipes", None)  # what would be needed to make them
    kept = load()
    assert kept.optimisations == made.optimisations
    photo = (DATA / "receipt.png").read_bytes()
    read, again = (
        [(line.text, line.score, line.polygon.tolist()) for line in runner.read(photo).lines] for runner in (made, kept)
    )
    assert read
    assert read == again
