"""Means, covariances and scales: always centred, never raw second moments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def column_scales(reference: Matrix) -> tuple[Matrix, Matrix]:
    """Find the mean and the standard deviation of each column; a constant column gets scale 1.

    A column counts as constant when its spread is within rounding of its mean.
    """
    mean = reference.mean(axis=0)
    sd = np.sqrt(np.mean(np.square(reference - mean), axis=0))
    rounding = 1e-12 * np.maximum(np.abs(mean), np.finfo(float).tiny)
    return mean, np.where(sd > rounding, sd, 1.0)


def standardised(values: Matrix, reference: Matrix) -> Matrix:
    """Subtract the mean of ``reference`` and divide by its column scales."""
    mean, scale = column_scales(reference)
    out: Matrix = (values - mean) / scale
    return out
