"""Memory and seconds that decoding the largest allowed pictures takes, each in a process of its own.

    python -m benchmarks.hostile

Makes files of few bytes in each format, with as many pixels as OCR_MAX_MEGAPIXELS allows by default, decodes each,
and prints a table. Exits with 1 if one takes more than 1000 MB or a quarter of OCR_TIMEOUT.
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

MAX_PIXELS = 200_000_000
MAX_MB = 1000
MAX_S = 30


def make(kind: str, mode: str = "RGB", share: float = 1, **options: object) -> bytes:
    """A picture of one colour with a share of MAX_PIXELS."""
    side = int((MAX_PIXELS * share) ** 0.5)
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, kind, **options)
    return file.getvalue()


def make_heic() -> bytes:
    """A HEIC with half of MAX_PIXELS."""
    import pillow_heif

    side = int((MAX_PIXELS / 2) ** 0.5)
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (side, side))).save(file, quality=30)
    return file.getvalue()


def make_png(depth: int, colour: int, channels: int) -> bytes:
    """A PNG of zeros, row by row: Pillow cannot write 16 bits a colour, and needs much memory for a large one."""
    side = int(MAX_PIXELS**0.5)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(9)
    row = bytes(1 + (side * depth * channels + 7) // 8)
    rows = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + header + palette + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def make_lying_bmp() -> bytes:
    """A BMP of 16 pixels whose header claims MAX_PIXELS."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:26] = struct.pack("<ii", *[int(MAX_PIXELS**0.5)] * 2)
    return bytes(data)


PICTURES: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: make_png(8, 2, 3),
    "PNG, 16 bits, alpha": lambda: make_png(16, 6, 4),
    "PNG, 1 bit": lambda: make_png(1, 0, 1),
    "PNG, 16 bits of grey": lambda: make_png(16, 0, 1),
    "PNG, palette": lambda: make_png(8, 3, 1),
    "GIF": lambda: make("GIF", "P"),
    "BMP that lies": make_lying_bmp,
    "TIFF, LZW": lambda: make("TIFF", compression="tiff_lzw"),
    "TIFF, fax": lambda: make("TIFF", "1", compression="group4"),
    "TIFF, floats": lambda: make("TIFF", "F", compression="tiff_lzw"),
    "JPEG": lambda: make("JPEG"),
    "JPEG, progressive": lambda: make("JPEG", progressive=True),
    "JPEG, CMYK": lambda: make("JPEG", "CMYK"),
    "JPEG, CMYK, progressive": lambda: make("JPEG", "CMYK", 1 / 2, progressive=True),
    "WebP": lambda: make("WEBP", share=1 / 4),
    "WebP, alpha": lambda: make("WEBP", "RGBA", 1 / 4, lossless=True),
    "HEIC": make_heic,
    "AVIF": lambda: make("AVIF", share=1 / 2, speed=10),
    "JPEG 2000": lambda: make("JPEG2000", share=1 / 4, irreversible=True),
}


def measure(path: Path) -> None:
    """Decode a file as the service does, and print seconds, MB and the outcome."""
    from ocr.decoding import decode
    from ocr.errors import UnreadablePhoto

    Path("/proc/self/clear_refs").write_text("5", "ascii")  # resets the peak
    before, start = resident(os.getpid()).now, time.perf_counter()
    try:
        photo = decode(path.read_bytes(), needed_side=800, undrafted_side=3000, max_pixels=MAX_PIXELS)
        what = f"{photo.width} x {photo.height}"
    except UnreadablePhoto:
        what = "refused"
    print(f"{time.perf_counter() - start:.2f} {(resident(os.getpid()).peak - before) / 1e6:.0f} {what}")


def main() -> None:
    """Make and decode all of them."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return
    kept = True
    print("| | file, MB | pixels | seconds | MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, make_file in PICTURES.items():
            path = Path(folder) / "picture"
            path.write_bytes(make_file())
            command = [sys.executable, "-m", "benchmarks.hostile", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            seconds, megabytes, what = done.stdout.strip().split(" ", 2)
            kept &= float(seconds) < MAX_S and float(megabytes) < MAX_MB
            print(f"| {name} | {path.stat().st_size / 1e6:.2f} | {what} | {seconds} | {megabytes} |", flush=True)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
