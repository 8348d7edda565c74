"""What an engine's error means, by the words that PaddlePaddle, ONNX Runtime, PyTorch and OpenCV have for it.

They have no class for it in common: PaddlePaddle raises OSError or MemoryError, the others mostly RuntimeError.
"""

import re

from ocr.errors import FAILED, NO_MEMORY, EngineFailed, OcrError, OutOfMemory, ReadingFailed

MEMORY_WORDS = re.compile(r"(?i)out of memory|(fail(ed)?|unable) to alloc|alloc_failed|bad.alloc|resource.?exhausted")
"""As in "CUDA error(2), out of memory" and "Failed to allocate memory for requested buffer of size 939524096"."""

DEVICE_WORDS = re.compile(r"(?i)cuda (runtime )?(error|failure)|cudaerror|cudnn|cublas|illegal memory|device.lost")
"""As in "CUDA failure 700: an illegal memory access was encountered": every later call in the process fails too."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was short, of the machine or of a card."""
    return isinstance(error, MemoryError | OutOfMemory) or bool(MEMORY_WORDS.search(str(error)))


def classify(error: Exception) -> tuple[type[OcrError], str]:
    """Which of our errors, with which message, one is that came up while a photo was read.

    Not made into one: a caller that held it would keep the photo, which its traceback knows.
    """
    if isinstance(error, OcrError):
        return type(error), str(error)
    if is_out_of_memory(error):
        return OutOfMemory, NO_MEMORY
    return EngineFailed if DEVICE_WORDS.search(str(error)) else ReadingFailed, FAILED
