"""What can go wrong while a photo is read.

OcrError
├── UnreadablePhoto     the bytes are not a photo that can be read: the sender can do something
├── RunnerUnavailable   engine or model cannot be loaded: the operator can do something
├── ReadingFailed       the engine failed on a photo that may be fine: the log has the details
└── ReadingTimedOut     the photo took longer than OCR_TIMEOUT
"""

NO_MEMORY = "there is not enough memory to read this photo"
FAILED = "the reader failed on this photo; the service's log has the details"


class OcrError(Exception):
    """Base of all expected errors; the message is for the user and says what to do."""


class UnreadablePhoto(OcrError):
    """The file is not a picture, is broken, or is larger than allowed."""


class RunnerUnavailable(OcrError):
    """The chosen runner or model cannot be loaded on this machine."""


class ReadingFailed(OcrError):
    """The engine failed while it read a photo."""


class ReadingTimedOut(OcrError):
    """Reading a photo took longer than the operator allows."""
