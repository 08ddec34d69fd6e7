"""A kernel's bandwidth from the rows set aside: it must be there before the first block."""

from __future__ import annotations

from gandiag.core.checks import Matrix
from gandiag.numerics.distances import off_diagonal, pooled_distances, positive_quantile

_ROWS = 1000

DIFFERS = "the bandwidth is the median distance of rows set aside, not of rows under test"


def fixed_bandwidth(fit: Matrix) -> float:
    """Take the median distance of rows set aside; 0 where they all lie in one place."""
    return positive_quantile(off_diagonal(pooled_distances(fit[:_ROWS])), 0.5)[0]
