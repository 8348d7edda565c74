"""The service with the engine and the model that users get."""

from collections.abc import Iterator

import pytest

from tests.fakes.served import Served, run


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that the tests of this folder share."""
    yield from run(tmp_path_factory.mktemp("served") / "project")
