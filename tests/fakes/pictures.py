"""Files as people have them, made from pictures that the tests draw."""

import io
import struct
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

TYPES = {1: "B", 2: "s", 3: "H", 4: "I"}
"""The types of a TIFF's tags, by number, as struct writes them: byte, text, short, long (TIFF 6.0, section 2)."""


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file that Pillow writes, or HEIC."""
    file = io.BytesIO()
    if kind == "HEIF":
        heif = pillow_heif.from_pillow(image)
        exif = options.pop("exif", None)
        if isinstance(exif, Image.Exif):
            heif.info["exif"] = exif.tobytes()
        heif.save(file, quality=-1, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def oriented(number: int) -> Image.Exif:
    """EXIF that holds an orientation, 1-8, and nothing else."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = number
    return exif


UPRIGHT = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""EXIF orientation to the Pillow transposition that makes a file in which that orientation is true."""


def lying(image: Image.Image, orientation: int) -> Image.Image:
    """A picture as it is stored where EXIF says this orientation of it."""
    transposition = UPRIGHT[orientation]
    return image if transposition is None else image.transpose(Image.Transpose(transposition))


def deep(image: Image.Image) -> Image.Image:
    """A picture in 16 bits of grey."""
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def transparent(image: Image.Image, ink: str) -> Image.Image:
    """The dark parts of a picture, in `ink` on nothing."""
    drawn = Image.new("RGBA", image.size, ink)
    drawn.putalpha(image.convert("L").point(lambda level: 255 - level))
    return drawn


def animated(image: Image.Image, kind: str) -> bytes:
    """Two frames, the second one empty."""
    return encoded(image, kind, save_all=True, append_images=[Image.new(image.mode, image.size, "white")])


def motion_photo(image: Image.Image) -> bytes:
    """A JPEG with a film behind it, as phones write them."""
    return encoded(image, "JPEG") + b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5000)


def profile() -> bytes:
    """An ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tiff(numbers: NDArray[Any], *, orientation: int = 1, planes: bool = False) -> bytes:
    """A TIFF of numbers of any kind, in one piece, or in one for each plane."""
    height, width, samples = numbers.shape
    kind = {"u": 1, "i": 2, "f": 3}[numbers.dtype.kind]
    pixels = (np.moveaxis(numbers, 2, 0) if planes else numbers).tobytes()
    pieces = samples if planes else 1

    def directory(pixels_at: int) -> bytes:
        tags: Mapping[int, tuple[int, list[int] | bytes]] = {
            256: (4, [width]),
            257: (4, [height]),
            258: (3, [8 * numbers.itemsize] * samples),
            259: (3, [1]),
            262: (3, [2 if samples >= 3 else 1]),
            273: (4, [pixels_at + piece * len(pixels) // pieces for piece in range(pieces)]),
            274: (3, [orientation]),
            277: (3, [samples]),
            278: (4, [height]),
            279: (4, [len(pixels) // pieces] * pieces),
            284: (3, [1 + planes]),
            **({338: (3, [2])} if samples == 4 else {}),
            339: (3, [kind] * samples),
        }
        return _directory(tags, 8)

    return b"II*\0" + struct.pack("<I", 8) + directory(8 + len(directory(0))) + pixels


def raw(image: Image.Image, orientation: int = 1) -> bytes:
    """A minimal RAW file (Adobe DNG): a JPEG preview, and a sensor of twice its size."""
    jpeg = encoded(image, "JPEG")
    width, height = (2 * side for side in image.size)
    sensor = bytes(2 * width * height)

    def directories(preview_at: int, sensor_at: int, sensor_directory: int) -> tuple[bytes, bytes]:
        first: Mapping[int, tuple[int, list[int] | bytes]] = {
            254: (4, [1]),
            256: (4, [image.width]),
            257: (4, [image.height]),
            258: (3, [8, 8, 8]),
            259: (3, [7]),
            262: (3, [6]),
            271: (2, b"Maker\0"),
            272: (2, b"Camera\0"),
            273: (4, [preview_at]),
            274: (3, [orientation]),
            277: (3, [3]),
            278: (4, [image.height]),
            279: (4, [len(jpeg)]),
            330: (4, [sensor_directory]),
            50706: (1, [1, 4, 0, 0]),
            50708: (2, b"Maker Camera\0"),
        }
        second: Mapping[int, tuple[int, list[int] | bytes]] = {
            254: (4, [0]),
            256: (4, [width]),
            257: (4, [height]),
            258: (3, [16]),
            259: (3, [1]),
            262: (3, [32803]),
            273: (4, [sensor_at]),
            277: (3, [1]),
            278: (4, [height]),
            279: (4, [len(sensor)]),
            33421: (3, [2, 2]),
            33422: (1, [0, 1, 1, 2]),
        }
        main = _directory(first, 8)
        return main, _directory(second, 8 + len(main))

    main, sub = directories(0, 0, 0)
    sub_at = 8 + len(main)
    jpeg_at = sub_at + len(sub)
    main, sub = directories(jpeg_at, jpeg_at + len(jpeg), sub_at)
    return b"II*\0" + struct.pack("<I", 8) + main + sub + jpeg + sensor


def _directory(tags: Mapping[int, tuple[int, list[int] | bytes]], at: int) -> bytes:
    """An image file directory at offset `at`: its tags, then the values that do not fit into four bytes."""
    entries, values = struct.pack("<H", len(tags)), b""
    values_at = at + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in tags.items():
        packed = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{TYPES[kind]}", *value)
        if len(packed) <= 4:
            where = packed.ljust(4, b"\0")
        else:
            where = struct.pack("<I", values_at + len(values))
            values += packed + b"\0" * (len(packed) % 2)
        entries += struct.pack("<HHI", tag, kind, len(value)) + where
    return entries + bytes(4) + values


KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": lambda image: encoded(image, "JPEG"),
    "jpeg progressive": lambda image: encoded(image, "JPEG", progressive=True),
    "jpeg grey": lambda image: encoded(image.convert("L"), "JPEG"),
    "jpeg cmyk": lambda image: encoded(image.convert("CMYK"), "JPEG"),
    "jpeg cmyk progressive": lambda image: encoded(image.convert("CMYK"), "JPEG", progressive=True),
    "jpeg icc": lambda image: encoded(image, "JPEG", icc_profile=profile()),
    "jpeg 4:4:4": lambda image: encoded(image, "JPEG", subsampling=0),
    "motion photo": motion_photo,
    "mpo": lambda image: encoded(image, "MPO", save_all=True, append_images=[Image.new("RGB", image.size, "white")]),
    "png": lambda image: encoded(image, "PNG"),
    "png 1 bit": lambda image: encoded(image.convert("1"), "PNG"),
    "png 2 bit": lambda image: encoded(image.quantize(4), "PNG", bits=2),
    "png 4 bit": lambda image: encoded(image.quantize(16), "PNG", bits=4),
    "png palette": lambda image: encoded(image.quantize(200), "PNG"),
    "png grey": lambda image: encoded(image.convert("L"), "PNG"),
    "png 16 bit": lambda image: encoded(deep(image), "PNG"),
    "png interlaced": lambda image: encoded(image, "PNG", interlace=True),
    "png dark on nothing": lambda image: encoded(transparent(image, "black"), "PNG"),
    "png light on nothing": lambda image: encoded(transparent(image, "white"), "PNG"),
    "png grey and alpha": lambda image: encoded(transparent(image, "black").convert("LA"), "PNG"),
    "png palette, one colour transparent": lambda image: encoded(
        image.convert("L").quantize(16), "PNG", transparency=0
    ),
    "apng": lambda image: animated(image, "PNG"),
    "webp": lambda image: encoded(image, "WEBP"),
    "webp lossless": lambda image: encoded(image, "WEBP", lossless=True),
    "webp on nothing": lambda image: encoded(transparent(image, "white"), "WEBP"),
    "webp animated": lambda image: animated(image, "WEBP"),
    "gif": lambda image: encoded(image, "GIF"),
    "gif animated": lambda image: animated(image, "GIF"),
    "bmp": lambda image: encoded(image, "BMP"),
    "tiff": lambda image: encoded(image, "TIFF"),
    "tiff lzw": lambda image: encoded(image, "TIFF", compression="tiff_lzw"),
    "tiff deflate": lambda image: encoded(image, "TIFF", compression="tiff_adobe_deflate"),
    "tiff 16 bit": lambda image: encoded(deep(image), "TIFF"),
    "tiff fax": lambda image: encoded(image.convert("1"), "TIFF", compression="group4"),
    "tiff cmyk": lambda image: encoded(image.convert("CMYK"), "TIFF"),
    "tiff pages": lambda image: animated(image, "TIFF"),
    "jpeg 2000": lambda image: encoded(image, "JPEG2000"),
    "heic": lambda image: encoded(image, "HEIF"),
    "heic on nothing": lambda image: encoded(transparent(image, "white"), "HEIF"),
    "avif": lambda image: encoded(image, "AVIF"),
    "ppm": lambda image: encoded(image, "PPM"),
    "raw": raw,
}
"""Every kind of file that is read, made from an RGB picture with dark parts on light ground."""

OTHERS = {
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "svg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "jxl": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40),
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(40),
    "mov": b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(40),
    "psd": b"8BPS\0\1" + bytes(40),
    "ico": b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0" + bytes(40),
    "zip": b"PK\3\4\x14\0\0\0" + bytes(40),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
}
"""Files that are no photos, each of which is to be named."""


def lack_memory(*_: object) -> None:
    """Fail as OpenCV does where memory does not suffice."""
    error = cv2.error("Failed to allocate")
    error.code = cv2.Error.StsNoMem
    raise error
