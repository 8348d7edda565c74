"""Which files are photos: the formats that Pillow and libheif open, and the previews inside cameras' RAW files."""

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
Image.init()  # loads all plugins, so that OPEN lists them
FORMATS = sorted(
    {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF", "JPEG2000", "PPM"} & set(Image.OPEN)
)
"""Formats that hold nothing but pictures and give their size before they are decoded. Pillow's EPS plugin would run
Ghostscript on a program of the sender's, and its plugins for icons decode their content, of any size, when they open a
file."""

READABLE_FORMATS = (
    "whole JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP and JPEG 2000 files can be, and the previews inside RAW files"
)

MEMORY_WEIGHTS = {"AVIF": 2, "HEIF": 2, "WEBP": 4, "JPEG2000": 4}
"""Memory that decoding takes per pixel, in units of a PNG's 4.4 bytes; measured at 50 to 200 megapixels."""

TIFF_SIGNATURES = (b"II*\0", b"MM\0*")
RAW_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
"""Of Fujifilm, Olympus (three), Panasonic, Sigma and Minolta. The other RAW files are TIFF files, or Canon's CR3."""

DNG_VERSION, NEW_SUBFILE_TYPE, PHOTOMETRIC = 50706, 254, 262  # tags of a TIFF
SENSOR_PHOTOMETRICS = {32803, 34892}
"""PHOTOMETRIC of a sensor's pixels: colour filter array, linear raw (Adobe DNG 1.7)."""

HEAD_BYTES = 4096  # of a file, from which its type is named


def weigh_pixel(image: Image.Image) -> int:
    """How many pixels one pixel of a picture counts as, because of the memory that its decoder needs."""
    return 2 if image.mode == "CMYK" and "progressive" in image.info else MEMORY_WEIGHTS.get(image.format or "", 1)


def ignore_metadata_warnings() -> AbstractContextManager[object]:
    """Have Pillow not warn about metadata within the block: only the pixels count here."""
    return warnings.catch_warnings(action="ignore")


class Preview(NamedTuple):
    """The preview inside a RAW file."""

    jpeg: bytes
    """A JPEG file."""

    width: int
    """Width in pixels of the photo that the preview was made from, before it is turned upright."""

    height: int
    """Its height."""


def extract_preview(data: bytes) -> Preview | None:
    """The preview that LibRaw finds in a camera's RAW file, with its orientation in its EXIF; None for other files.

    Raises:
        UnreadablePhoto: the RAW file has no JPEG preview.
    """
    if not _is_raw(data):
        return None
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            thumbnail, sizes = raw.extract_thumb(), raw.sizes
    except rawpy.LibRawError as error:
        raise UnreadablePhoto(f"the RAW file has no preview that can be read; {READABLE_FORMATS}") from error
    if thumbnail.format != rawpy.ThumbFormat.JPEG:
        raise UnreadablePhoto(f"the RAW file has no preview as JPEG; {READABLE_FORMATS}")
    return Preview(bytes(thumbnail.data), sizes.width, sizes.height)


def explain_refusal(data: bytes) -> str:
    """Say to the sender of a file that is no photo what it looks like, and what can be read."""
    head = data[:HEAD_BYTES]
    try:
        name = "SVG" if b"<svg" in head else next((match.name for match in puremagic.magic_string(head)), "")
    except (puremagic.PureError, ValueError):  # unknown; empty
        name = ""
    looks = f"it looks like {name}" if name else "what it is cannot be told"
    return f"no picture can be read from the file: {looks}; {READABLE_FORMATS}"


def _is_raw(data: bytes) -> bool:
    if data.startswith(RAW_SIGNATURES) or data[4:11] == b"ftypcrx":
        return True
    return data.startswith(TIFF_SIGNATURES) and (data[8:10] == b"CR" or _starts_as_raw(data))


def _starts_as_raw(data: bytes) -> bool:
    """Whether a TIFF begins as RAW files do: with Adobe's DNG version, a thumbnail, or a sensor's pixels."""
    try:
        with ignore_metadata_warnings(), TiffImagePlugin.TiffImageFile(io.BytesIO(data)) as image:
            tags = image.tag_v2
            is_thumbnail = bool(tags.get(NEW_SUBFILE_TYPE, 0) & 1)
            return DNG_VERSION in tags or is_thumbnail or tags.get(PHOTOMETRIC) in SENSOR_PHOTOMETRICS
    except Exception:  # noqa: BLE001 - whatever is wrong with it, decoding reports it better
        return False
