"""What engines say, in their own words, and what it means."""

import cv2
import numpy as np
import pytest

from ocr.errors import EngineFailed, OutOfMemory, ReadingFailed, UnreadablePhoto
from runners.failures import classify


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("ResourceExhaustedError: Out of memory error on GPU 0. Cannot allocate 3.1GB memory on GPU 0"),
        OSError("(External) CUDA error(2), out of memory."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 939524096"),
        RuntimeError("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
        np.exceptions.AxisError("Unable to allocate 9.31 GiB for an array"),
    ],
    ids=str,
)
def test_memory_that_is_short_is_no_fault_of_the_engine(error: Exception) -> None:
    assert classify(error)[0] is OutOfMemory


@pytest.mark.parametrize(
    "message",
    [
        "(External) CUDA error(700), an illegal memory access was encountered.",
        "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 700: an illegal memory access was encountered ; GPU=0",
        "(External) CUDNN error(8), CUDNN_STATUS_EXECUTION_FAILED.",
        "CUDA error: unspecified launch failure",
        "cuda runtime error (700) : an illegal memory access was encountered",
        "CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0",
    ],
)
def test_a_card_that_is_lost_is_the_engines_fault(message: str) -> None:
    kind, told = classify(RuntimeError(message))
    assert kind is EngineFailed
    assert "CUDA" not in told


def test_another_error_may_be_the_photos() -> None:
    assert classify(ValueError("an odd number of corners"))[0] is ReadingFailed
    with pytest.raises(cv2.error) as raised:
        cv2.resize(np.zeros((0, 0, 3), np.uint8), (4, 4))
    assert classify(raised.value)[0] is ReadingFailed


def test_an_error_of_ours_stays_what_it_is() -> None:
    assert classify(UnreadablePhoto("out of memory lane")) == (UnreadablePhoto, "out of memory lane")
