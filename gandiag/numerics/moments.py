"""Means, covariances and scales: always centred, never raw second moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import TooFewSamplesError

Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Mean and scatter of the rows seen so far: a state that streams, and that shards merge.

    Attributes
    ----------
    count : int
    mean : ndarray, shape (d,)
    scatter : ndarray, shape (d, d)
        Sum of the outer products of the centred rows.

    Notes
    -----
    ``merge`` is associative and commutative up to rounding, with ``Moments.empty`` as its identity: any partition of
    the rows gives the same result. No state is ever changed. Raw second moments would lose every digit on data far
    from the origin (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", eq. 1.5).
    """

    count: int
    mean: Matrix
    scatter: Matrix

    @classmethod
    def empty(cls, d: int) -> Moments:
        """Start with no rows of width ``d``."""
        return cls(count=0, mean=np.zeros(d), scatter=np.zeros((d, d)))

    @classmethod
    def of(cls, rows: Matrix) -> Moments:
        """Take the moments of rows of shape (n, d) in two passes."""
        if len(rows) == 0:
            return cls.empty(rows.shape[1])
        rows = np.asarray(rows, dtype=np.float64)
        mean = rows.mean(axis=0)
        centred = rows - mean
        # The mean of n numbers is itself rounded; what is left over is the second pass's correction.
        left = centred.mean(axis=0)
        return cls(count=len(rows), mean=mean + left, scatter=centred.T @ centred - len(rows) * np.outer(left, left))

    def update(self, rows: Matrix) -> Moments:
        """Add rows of shape (k, d)."""
        return self.merge(Moments.of(rows))

    def merge(self, other: Moments) -> Moments:
        """Join two disjoint sets of rows."""
        if self.count == 0 or other.count == 0:
            kept = other if self.count == 0 else self
            return Moments(count=kept.count, mean=kept.mean.copy(), scatter=kept.scatter.copy())
        total = self.count + other.count
        apart = other.mean - self.mean
        return Moments(
            count=total,
            mean=self.mean + apart * (other.count / total),
            scatter=self.scatter + other.scatter + np.outer(apart, apart) * (self.count * other.count / total),
        )

    def finalise(self) -> tuple[Matrix, Matrix]:
        """Compute the mean (d,) and the covariance (d, d) with divisor ``count - 1``."""
        if self.count < 2:
            raise TooFewSamplesError(
                "a covariance needs at least 2 rows", received=self.count, remedy="Draw more samples."
            )
        return self.mean.copy(), self.scatter / (self.count - 1)


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
