"""The object of the package paddleocr, for the texts that mt-photos-ai's CUDA version gave (docs/adr/0014)."""

import os
from threading import Lock
from typing import Any

import numpy as np

from ocr import geometry
from ocr.decoding import decode
from ocr.model_files import ModelFiles
from ocr.types import Limits, Reading, TextLine

CLASSIFIER = "ch_ppocr_mobile_v2_cls_infer"
"""The folder, beside those of detector and recognizer, with what tells lines that stand on their head."""


class PaddleOcrLibrary:
    """Reads whole photos with PaddleOCR's own search and batches, one photo at a time.

    `card` is the number of a card, None for the CPU; there, `unusable` is an optimization that must not be applied.
    """

    def __init__(self, files: ModelFiles, limits: Limits, card: int | None, unusable: str) -> None:
        os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else that package, which PaddleOCR imports, asks PyPI
        from paddle import inference  # noqa: PLC0415 - as in runners.cuda
        from paddleocr import PaddleOCR  # noqa: PLC0415

        create = inference.create_predictor

        def create_without(config: Any) -> Any:
            if card is None:
                config.delete_pass(unusable)
            return create(config)

        detector, recognizer = files.detector.parent, files.recognizer.parent
        inference.create_predictor = create_without  # PaddleOCR hands nothing on to it
        try:
            self._library: Any = PaddleOCR(
                lang="ch",
                use_angle_cls=True,
                det_model_dir=str(detector),
                rec_model_dir=str(recognizer),
                cls_model_dir=str(detector.with_name(CLASSIFIER)),  # given all three, it downloads nothing
                drop_score=limits.min_score,
                use_gpu=card is not None,
                gpu_id=card or 0,
                show_log=False,
            )
        finally:
            inference.create_predictor = create
        self._limits = limits
        self._lock = Lock()  # it is not made for several threads

    def read(self, data: bytes) -> Reading:
        """The lines of text in a photo, in PaddleOCR's order.

        Raises:
            UnreadablePhoto: `data` is not a picture that can be read.
        """
        reading = Reading()
        with reading.stage("decode"):
            photo = decode(data, needed_side=self._limits.max_pixels, max_pixels=self._limits.max_pixels)
        with self._lock, reading.stage("recognize"):
            (lines,) = self._library.ocr(np.ascontiguousarray(photo.pixels), cls=True)
        size, factors = (photo.width, photo.height), np.array(photo.px_per_full_px, np.float32)
        found = [
            TextLine(geometry.clipped(np.array(polygon, np.float32) / factors, size), text, float(score))
            for polygon, (text, score) in lines or []
        ]
        return Reading(found, reading.seconds, size)
