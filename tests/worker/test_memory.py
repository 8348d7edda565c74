import ctypes
import os

import pytest

from worker.memory import resident, trim_heap


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_free_memory_below_what_is_in_use_is_given_back() -> None:
    pieces = [bytearray(20_000) for _ in range(5_000)]
    del pieces[:-1]
    before = resident(os.getpid()).now
    trim_heap()
    assert before - resident(os.getpid()).now > 50e6
    assert len(pieces) == 1
