"""Logistic regression, by Newton's method."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS, RIDGE = 8, 300  # RIDGE keeps the weights small, of features brought to a variance of 1
LEAST = 0.1  # of the others' spread; a feature that varies less is of little use


def plane(features: NDArray[np.floating[Any]], positive: NDArray[np.bool_], weight: float = 1) -> NDArray[np.float64]:
    """Weights and bias, (C + 1,), of the plane that has the positive ones of features (K, C) on its positive side.

    Each positive one counts as `weight` others.
    """
    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    spread = np.maximum(spread, LEAST * np.median(spread))
    given = np.append((features - mean) / spread, np.ones((len(features), 1)), axis=1)
    found = np.zeros(given.shape[1])
    weights = np.where(positive, weight, 1)
    for _ in range(STEPS):
        sure = 1 / (1 + np.exp(-np.clip(given @ found, -30, 30)))
        slope = given.T @ ((positive - sure) * weights) - found * RIDGE
        bend = (given * (sure * (1 - sure) * weights)[:, np.newaxis]).T @ given + RIDGE * np.eye(len(found))
        found += np.linalg.solve(bend, slope)
    scaled = found[:-1] / spread
    return np.append(scaled, found[-1] - scaled @ mean)
