"""Which files are photos: what Pillow and libheif open, and the previews inside the RAW files of cameras."""

import io
import warnings
from contextlib import AbstractContextManager
from typing import NamedTuple

import pi_heif
import puremagic
import rawpy
from PIL import Image, TiffImagePlugin

from ocr.errors import UnreadablePhoto

Image.MAX_IMAGE_PIXELS = None  # the bound is ours, and the caller's to set
pi_heif.register_heif_opener()
Image.init()  # all plugins, so that OPEN knows them
FORMATS = sorted(
    {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF", "JPEG2000", "PPM"} & set(Image.OPEN)
)
"""Those that are pictures and nothing else, and tell their size before they are decoded: Pillow's EPS plugin runs
Ghostscript on the sender's program, and that for icons decodes what is inside, of any size, when it opens one."""

LOSSLESS = {"PNG", "GIF", "BMP", "TIFF", "PPM"}
"""Those of screenshots, scans and drawings rather than of photos: JPEG 2000 and WebP can be either."""

READABLE = (
    "whole JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP and JPEG 2000 files can be, and the previews inside RAW files"
)

WEIGHTS = {"AVIF": 2, "HEIF": 2, "WEBP": 4, "JPEG2000": 4}
"""The memory that decoding a pixel takes, in units of a PNG's 4.4 bytes; measured at 50 to 200 megapixels."""

TIFF_STARTS = (b"II*\0", b"MM\0*")
RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
"""Of Fujifilm, Olympus (three), Panasonic, Sigma and Minolta; the others are TIFF files, and Canon's CR3."""

SENSOR = {32803, 34892}
"""What a TIFF calls pixels that are a sensor's: colour filter array, linear raw (Adobe DNG 1.7, Photometric)."""

HEAD = 4096  # bytes that are looked at to tell what a file is


def weight(image: Image.Image) -> int:
    """For how many pixels each one of a picture counts, because of what its decoder needs."""
    return 2 if image.mode == "CMYK" and "progressive" in image.info else WEIGHTS.get(image.format or "", 1)


def odd_metadata_ignored() -> AbstractContextManager[object]:
    """Within it, Pillow does not warn of metadata: only the pixels count here."""
    return warnings.catch_warnings(action="ignore")


class Preview(NamedTuple):
    """The JPEG inside a RAW file, and width and height in pixels of the photo that it was made from, lying as shot."""

    jpeg: bytes
    width: int
    height: int


def preview(data: bytes) -> Preview | None:
    """The preview inside a camera's RAW file as LibRaw finds it, turned as its EXIF says; None for other files.

    Raises:
        UnreadablePhoto: a RAW file without a preview as JPEG.
    """
    if not _is_raw(data):
        return None
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            found, sizes = raw.extract_thumb(), raw.sizes
    except rawpy.LibRawError as error:
        raise UnreadablePhoto(f"the RAW file has no preview that can be read; {READABLE}") from error
    if found.format != rawpy.ThumbFormat.JPEG:
        raise UnreadablePhoto(f"the RAW file has no preview as JPEG; {READABLE}")
    return Preview(bytes(found.data), sizes.width, sizes.height)


def refusal(data: bytes) -> str:
    """Why a file that is no photo cannot be read, in words for people: what it looks like, and what would work."""
    head = data[:HEAD]
    try:
        name = "SVG" if b"<svg" in head else next((match.name for match in puremagic.magic_string(head)), "")
    except (puremagic.PureError, ValueError):  # unknown; empty
        name = ""
    looks = f"it looks like {name}" if name else "what it is cannot be told"
    return f"no picture can be read from the file: {looks}; {READABLE}"


def _is_raw(data: bytes) -> bool:
    if data.startswith(RAW_STARTS) or data[4:11] == b"ftypcrx":
        return True
    return data.startswith(TIFF_STARTS) and (data[8:10] == b"CR" or _holds_sensor(data))


def _holds_sensor(data: bytes) -> bool:
    """Whether a TIFF begins as RAW files do: with Adobe's version of DNG, a thumbnail, or pixels of a sensor."""
    try:
        with odd_metadata_ignored(), TiffImagePlugin.TiffImageFile(io.BytesIO(data)) as image:
            tags = image.tag_v2
            return 50706 in tags or bool(tags.get(254, 0) & 1) or tags.get(262) in SENSOR
    except Exception:  # noqa: BLE001 - whatever is wrong with it, decoding says it better
        return False
