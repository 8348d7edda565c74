"""What the largest pictures that are let through need: memory and seconds, each in a process of its own.

    python -m benchmarks.hostile

Makes files of few bytes and many pixels in each format, with as many pixels as OCR_MAX_MEGAPIXELS lets through by
default, decodes each, and prints a table. Exits with 1 if one takes more than 1000 MB or a quarter of OCR_TIMEOUT.
"""

import io
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from worker.memory import resident

MOST = 200_000_000
MEGABYTES = 1000
SECONDS = 30


def saved(kind: str, mode: str = "RGB", share: float = 1, **options: object) -> bytes:
    """A picture of one colour with a share of the most pixels."""
    side = int((MOST * share) ** 0.5)
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, kind, **options)
    return file.getvalue()


def heic() -> bytes:
    """A HEIC of half of the most pixels."""
    import pillow_heif

    side = int((MOST / 2) ** 0.5)
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (side, side))).save(file, quality=30)
    return file.getvalue()


def png(depth: int, colour: int, channels: int) -> bytes:
    """A PNG of zeros, row by row: Pillow writes neither 16 bits a colour nor so large a picture in little memory."""
    side = int(MOST**0.5)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(9)
    row = bytes(1 + (side * depth * channels + 7) // 8)
    rows = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + header + palette + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def lying() -> bytes:
    """A BMP of 16 pixels that says it has the most."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:26] = struct.pack("<ii", *[int(MOST**0.5)] * 2)
    return bytes(data)


PICTURES: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: png(8, 2, 3),
    "PNG, 16 bits, alpha": lambda: png(16, 6, 4),
    "PNG, 1 bit": lambda: png(1, 0, 1),
    "PNG, 16 bits of grey": lambda: png(16, 0, 1),
    "PNG, palette": lambda: png(8, 3, 1),
    "GIF": lambda: saved("GIF", "P"),
    "BMP that lies": lying,
    "TIFF, LZW": lambda: saved("TIFF", compression="tiff_lzw"),
    "TIFF, fax": lambda: saved("TIFF", "1", compression="group4"),
    "TIFF, floats": lambda: saved("TIFF", "F", compression="tiff_lzw"),
    "JPEG": lambda: saved("JPEG"),
    "JPEG, progressive": lambda: saved("JPEG", progressive=True),
    "JPEG, CMYK": lambda: saved("JPEG", "CMYK"),
    "JPEG, CMYK, progressive": lambda: saved("JPEG", "CMYK", 1 / 2, progressive=True),
    "WebP": lambda: saved("WEBP", share=1 / 4),
    "WebP, alpha": lambda: saved("WEBP", "RGBA", 1 / 4, lossless=True),
    "HEIC": heic,
    "AVIF": lambda: saved("AVIF", share=1 / 2, speed=10),
    "JPEG 2000": lambda: saved("JPEG2000", share=1 / 4, irreversible=True),
}


def decoded(path: Path) -> None:
    """Decode a file as the service does, and print what it took."""
    from ocr.decoding import decode
    from ocr.errors import UnreadablePhoto

    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak so far is forgotten
    before, start = resident(os.getpid()).now, time.perf_counter()
    try:
        photo = decode(path.read_bytes(), needed_side=800, undrafted_side=3000, max_pixels=MOST)
        what = f"{photo.width} x {photo.height}"
    except UnreadablePhoto:
        what = "refused"
    print(f"{time.perf_counter() - start:.2f} {(resident(os.getpid()).peak - before) / 1e6:.0f} {what}")


def main() -> None:
    """Make and decode all of them."""
    if len(sys.argv) > 1:
        decoded(Path(sys.argv[1]))
        return
    kept = True
    print("| | file, MB | pixels | seconds | MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in PICTURES.items():
            path = Path(folder) / "picture"
            path.write_bytes(make())
            command = [sys.executable, "-m", "benchmarks.hostile", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            seconds, megabytes, what = done.stdout.strip().split(" ", 2)
            kept &= float(seconds) < SECONDS and float(megabytes) < MEGABYTES
            print(f"| {name} | {path.stat().st_size / 1e6:.2f} | {what} | {seconds} | {megabytes} |", flush=True)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
