"""Halves of a sample: what is learnt on one is judged on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace

Rows = NDArray[np.int64]


def halves(count: int, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Deal row numbers to a half to learn on and a half to judge on, which gets the odd one; each in order."""
    order = rng.permutation(count)
    return np.sort(order[: count // 2]), np.sort(order[count // 2 :])


def taken(rows: Array, numbers: Rows) -> Array:
    """Take rows by number, where they lie."""
    return namespace(rows).take(rows, beside(numbers, rows), axis=0)
