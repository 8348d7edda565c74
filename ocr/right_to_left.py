"""Lines in Arabic letters in the order of speech, which is the one that searches and all other programs expect.

A recognizer gives letters as they stand, from left to right. The Unicode Bidirectional Algorithm (UAX #9) turns one
order into the other; RapidOCR uses the same function for it.
"""

from unicodedata import bidirectional

from bidi.algorithm import get_display  # not bidi.get_display, which mirrors no brackets


def to_logical_order(text: str) -> str:
    """A line's letters in the order of speech, from those that stand from left to right."""
    return str(get_display(text)) if any(bidirectional(letter) in {"R", "AL"} for letter in text) else text
