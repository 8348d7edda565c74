"""Mutated photos and forms, to find what crashes: `make fuzz`.

    python -m tests.fuzz photo|form [options of libFuzzer, such as -max_total_time=300]

A photo may be read or refused, a form taken or refused; anything else ends the run, and libFuzzer writes the input to
a file. Every one that was found becomes a test. Needs atheris (https://github.com/google/atheris).
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["api", "ocr", "starlette", "python_multipart"]):
    from starlette.requests import Request
    from starlette.types import Message

    from api.errors import RequestRefused
    from api.uploads import UploadBudget
    from ocr.decoding import decode
    from ocr.errors import UnreadablePhoto

from PIL import Image, ImageDraw

from tests.fakes.pictures import KINDS, OTHERS

SIZE = 100_000  # bytes of the largest form


def photo(data: bytes) -> None:
    """Decode a file."""
    with suppress(UnreadablePhoto):
        decode(data, needed_side=64, max_pixels=1_000_000)


def form(data: bytes) -> None:
    """Receive a request: its first byte says in pieces of how many bytes it comes."""
    step = (data[0] if data else 0) * 7 + 1
    pieces = iter([data[start : start + step] for start in range(1, len(data), step)] or [b""])

    async def receive() -> Message:
        piece = next(pieces, None)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": True}

    async def take_in() -> None:
        headers = [(b"content-type", b"multipart/form-data; boundary=b")]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        with suppress(RequestRefused):
            async with UploadBudget(max_photos=2, max_bytes=SIZE).receive(request):
                pass

    asyncio.run(take_in())


def photos() -> Iterable[bytes]:
    """Files to begin with."""
    image = Image.new("RGB", (40, 30), "white")
    ImageDraw.Draw(image).rectangle((5, 5, 20, 20), "black")
    return [*(make(image) for make in KINDS.values()), *OTHERS.values()]


def forms() -> Iterable[bytes]:
    """Requests to begin with."""
    head = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg'
    part = b"--b\r\n" + head + b"\r\n\r\nabc\r\n"
    return [b"\x09" + part + b"--b--\r\n", b"\x00" + part * 2 + b"--b--\r\n", b"\xff--b--\r\n"]


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], Iterable[bytes]]]] = {
    "photo": (photo, photos),
    "form": (form, forms),
}


def main() -> None:
    """Fuzz one target."""
    target, seeds = TARGETS[sys.argv.pop(1)]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds()):
            (Path(corpus) / f"{number:03}").write_bytes(seed)
        atheris.Setup([*sys.argv, corpus, "-timeout=30", "-rss_limit_mb=2500", "-print_final_stats=1"], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
