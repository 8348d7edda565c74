"""What can go wrong, as one tree. Each class says how the HTTP service and the ASE platform answer it.

OcrError
├── UnreadablePhoto     the bytes are not a photo that can be read: the sender's business
├── RunnerUnavailable   the engine or the model cannot be loaded: the operator's business
├── ReadingFailed       the engine failed on a photo that may be fine: the log has the details
│   └── EngineFailed    it will fail on the next photo too: its process has to be replaced
├── OutOfMemory         others hold the memory that reading takes: the photo can be read later
├── ReadingTimedOut     reading the photo took longer than the operator allows
├── RequestRefused      the HTTP service does not take the request: api/errors.py, with a class for each reason
└── EmptyRequest, BadParameter     the same on the ASE platform: ase/host.py
"""

from typing import ClassVar

NO_MEMORY = "there is not enough memory to read this photo just now; send it again later"
FAILED = "the reader failed on this photo; the service's log has the details"


class OcrError(Exception):
    """Base of all expected errors; the message is for the user and says what to do.

    `outcome` is the label of the photo in the metric mtphotos_ocr_photos_total.
    """

    http_status: ClassVar[int] = 500
    ase_code: ClassVar[int] = 10015
    outcome: ClassVar[str] = "other"


class UnreadablePhoto(OcrError):
    """The file is not a picture, is broken, or is larger than allowed. MT Photos expects an answer, not an error."""

    http_status = 200
    ase_code = 10014
    outcome = "unreadable_photo"


class RunnerUnavailable(OcrError):
    """The chosen runner or model cannot be loaded on this machine."""

    http_status = 503
    ase_code = 10001
    outcome = "runner_unavailable"


class ReadingFailed(OcrError):
    """The engine failed while it read a photo."""

    outcome = "reading_failed"


class EngineFailed(ReadingFailed):
    """The engine failed in a way that says nothing about the photo: a lost card, wrong numbers, several in a row."""


class OutOfMemory(OcrError):
    """Memory was short, of the machine or of its card, for a photo within the bounds."""

    http_status = 503
    outcome = "out_of_memory"


class ReadingTimedOut(OcrError):
    """Reading a photo took longer than the operator allows."""

    http_status = 504
    outcome = "reading_timed_out"
