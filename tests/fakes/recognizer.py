"""A network of a recognizer that reads grey levels."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

CHARSET = "abcdefghi "
LEVEL = 20  # grey levels between two characters
STEP = 8  # pixels a step, as in PP-OCR
Steps = tuple[NDArray[np.int64], NDArray[np.float32]]


class GreyIsCharacter:
    """A recognizer's network: each step of 8 pixels gives the character that its grey level stands for."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batch: NDArray[np.float32]) -> Steps:
        self.shapes.append(batch.shape)
        levels = (batch.mean(axis=(1, 2)) + 1) * 127.5
        steps = levels.reshape(len(batch), -1, STEP).mean(axis=2)
        best = np.where(abs(steps - 127.5) < 2, 0, np.round(steps / LEVEL)).astype(int)  # 127.5 is the padding
        return best, np.full(best.shape, 0.9, dtype=np.float32)


def crop(text: str) -> NDArray[np.uint8]:
    """A crop that GreyIsCharacter reads as `text`: a step a character, a blank one between."""
    columns = [[level] * STEP for character in text for level in ((CHARSET.index(character) + 1) * LEVEL, 0)]
    row = np.array(columns or [[0] * STEP], dtype=np.uint8).reshape(-1)
    return np.broadcast_to(row[np.newaxis, :, np.newaxis], (48, len(row), 3)).copy()


texts = st.text(CHARSET, max_size=24).filter(lambda text: "  " not in text)
