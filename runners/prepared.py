"""Prepared networks, kept on disk: loading them takes a fifth of the time that making them takes.

A file holds what an engine made of one model file. Its name tells of all that this depends on, so that one that was
made by another version or for another processor is never loaded, but replaced.
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from ocr.model_files import fingerprint

log = logging.getLogger("mtphotos_ocr.prepared")

CODE = ("networks", "ocr", "runners")
"""The folders whose code and figures decide what a network becomes."""


class Prepared(NamedTuple):
    """What an engine made of a model file."""

    networks: Sequence[bytes]
    """In the engine's own format."""
    optimisations: Sequence[str]
    """What was applied to them."""
    charset: Sequence[str]
    """A recognizer's characters; none for a detector."""


def find_folder() -> Path | None:
    """The first folder that can be written and that nobody else can write to, made if need be; None if there is none.

    The user's cache, or else temporary files, on disk or, where no disk can be written, in shared memory.
    """
    cached = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - never raises
    temporary = f"mtphotos-ocr-{os.getuid()}"
    for folder in (cached / "mtphotos-ocr", Path(tempfile.gettempdir(), temporary), Path("/dev/shm", temporary)):  # noqa: S108
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
            if found.st_uid == os.getuid() and not found.st_mode & 0o022 and os.access(folder, os.W_OK):
                return folder
    return None


def locate(folder: Path, model: Path, kind: str, circumstances: Iterable[object]) -> Path:
    """The file in `folder` for what becomes of a model file under some circumstances, engine and processor say."""
    told = [_fingerprint_code(), *map(str, circumstances)]
    return folder / f"{fingerprint(model)[:16]}-{kind}-{sha256(json.dumps(told).encode()).hexdigest()[:16]}.zip"


def read(file: Path) -> Prepared | None:
    """What is in a file; None if there is none, or if it was cut off or damaged."""
    try:
        with ZipFile(file) as kept:
            facts = json.loads(kept.read("facts.json"))
            networks = [kept.read(f"{index}.network") for index in range(facts["networks"])]
        return Prepared(networks, facts["optimisations"], facts["charset"])
    except FileNotFoundError:
        return None
    except (OSError, BadZipFile, KeyError, ValueError) as error:
        log.warning("%s cannot be read (%s): the networks are made anew", file.name, error)
        return None


def write(file: Path, prepared: Prepared) -> None:
    """Keep what was made, in the place of what was made for the same model before; a full disk is only logged."""
    try:
        with tempfile.TemporaryDirectory(dir=file.parent) as unfinished:
            new = Path(unfinished, file.name)
            with ZipFile(new, "w") as kept:
                facts = {"optimisations": prepared.optimisations, "charset": prepared.charset}
                kept.writestr("facts.json", json.dumps(facts | {"networks": len(prepared.networks)}))
                for index, network in enumerate(prepared.networks):
                    kept.writestr(f"{index}.network", network)
            for old in file.parent.glob(f"{file.name.rpartition('-')[0]}-*.zip"):
                old.unlink(missing_ok=True)
            new.replace(file)
    except OSError as error:
        log.warning("the prepared networks are not kept: %s", error)


@cache
def _fingerprint_code() -> str:
    """A hash of all that decides what a network becomes, apart from the model file and the circumstances."""
    root = Path(__file__).parent.parent
    files = sorted(path for folder in CODE for path in (root / folder).rglob("*") if path.suffix in {".py", ".json"})
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
