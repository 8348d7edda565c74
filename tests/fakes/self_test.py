"""What a runner that reads right makes of the self-test's picture."""

import numpy as np

from ocr.types import TextLine
from runners.self_test import Expected


def read_as_expected(expected: Expected) -> list[TextLine]:
    """Lines with the texts, scores and boxes that are expected."""
    return [
        TextLine(np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32), line.text, line.score)
        for line in expected.lines
        for x, y, w, h in [line.box]
    ]
