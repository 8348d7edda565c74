"""A process for the engines of each file: their memory, up to 2 GB, is not the tests', and ends with the file."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.fakes.child import Child


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """Calls functions in another process, which keeps what they load."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield Child(pool)
