"""Letters as they stand, and as they are spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr.right_to_left import to_logical_order

HELLO = "مرحبا"


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po", "Zs"], max_codepoint=0x58F)))
def test_what_is_written_from_left_to_right_stays_as_it_is(text: str) -> None:
    assert to_logical_order(text) == text


@pytest.mark.parametrize(
    ("standing", "spoken"),
    [
        (HELLO[::-1], HELLO),
        (f"2,500 {HELLO[::-1]}", f"{HELLO} 2,500"),  # numbers stand from left to right in both
        (f"({HELLO[::-1]})", f"({HELLO})"),  # the bracket that stands left is the one that closes
        (f"Tel. {HELLO[::-1]}", f"Tel. {HELLO}"),
    ],
)
def test_arabic_is_turned_into_the_order_of_speech(standing: str, spoken: str) -> None:
    assert to_logical_order(standing) == spoken
