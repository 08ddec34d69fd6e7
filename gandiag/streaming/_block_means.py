"""Means over independent parts of blocks: count, sum and sum of squares, about a value near all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.streams import Arrays

LEAST = 10  # values from which their mean has an interval


def state_of(values: Matrix) -> dict[str, NDArray[Any]]:
    """Write values as count, mean and sum of squares about the mean."""
    mean = values.mean() if len(values) else 0.0
    return {
        "count": np.asarray(len(values), dtype=np.int64),
        "mean": np.asarray(mean, dtype=np.float64),
        "squares": np.asarray(np.square(values - mean).sum(), dtype=np.float64),
    }


def merged(first: Arrays, second: Arrays) -> dict[str, NDArray[Any]]:
    """Join disjoint values (Chan, Golub & LeVeque 1983, eq. 2.1)."""
    n, m = int(first["count"]), int(second["count"])
    if n == 0 or m == 0:
        return {key: np.array((second if n == 0 else first)[key]) for key in ("count", "mean", "squares")}
    apart = second["mean"] - first["mean"]
    return {
        "count": np.asarray(n + m, dtype=np.int64),
        "mean": np.asarray(first["mean"] + apart * (m / (n + m))),
        "squares": np.asarray(first["squares"] + second["squares"] + apart**2 * (n * m / (n + m))),
    }


def mean_and_error(state: Arrays) -> tuple[float, float]:
    """Read the mean and its standard error; at least two values."""
    count = int(state["count"])
    return float(state["mean"]), float(np.sqrt(state["squares"] / (count - 1) / count))
