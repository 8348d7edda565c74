"""Every mechanism that the ablation switches off is where it looks for it."""

import pkgutil

import pytest

from benchmarks.ablation import ENGINES

NAMES = sorted({name for mechanisms in ENGINES.values() for names in mechanisms.values() for name in names})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_replaced_exists(name: str) -> None:
    assert pkgutil.resolve_name(name) is not None
