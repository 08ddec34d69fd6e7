"""Two-sample Kolmogorov-Smirnov distances of many columns under many labellings, each column sorted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

# Sizes up to n m of this have an exact p-value of a single column.
EXACT = 10_000
_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class SortedColumns:
    """The order of every column of a pool, and where its runs of equal values end.

    Attributes
    ----------
    order : ndarray of int, shape (d, N)
    ends : sequence of ndarray of int
        Last place of each run of equal values, the largest value's left out: there both distributions are 1.
    """

    order: Index
    ends: Sequence[Index]

    @classmethod
    def of(cls, pool: Matrix) -> SortedColumns:
        """Sort the columns of a pool, shape (N, d)."""
        order = np.argsort(pool, axis=0, kind="stable")
        rises = np.diff(np.take_along_axis(pool, order, axis=0), axis=0) > 0.0
        return cls(order=np.ascontiguousarray(order.T), ends=[np.flatnonzero(rise) for rise in rises.T])

    def distances(self, labels: Labels) -> Matrix:
        """Compute the largest gap of both empirical distributions, shape (d, B) for labels of shape (N, B).

        Notes
        -----
        Cost O(N d B), in whole numbers: equal distances have equal bits.
        """
        total, size = labels.shape
        n = int(labels[:, 0].sum())
        m = total - n
        out = np.zeros((len(self.order), size))
        # i (n + m) - place n is n m times the gap at a place; 32 bits hold it for n N up to 2e9.
        kind: Any = np.int32 if n * total < 2**31 else np.int64
        for start in range(0, size, _AT_ONCE):  # few labellings at a time, one per row: they stay in the cache
            part = slice(start, start + _AT_ONCE)
            steps = np.ascontiguousarray(labels[:, part].T).astype(kind) * kind(total) - kind(n)
            for column, (order, ends) in enumerate(zip(self.order, self.ends, strict=True)):
                if len(ends):
                    gaps = np.cumsum(np.take(steps, order, axis=1), axis=1, dtype=kind)
                    gaps = gaps if len(ends) == total - 1 else gaps[:, ends]
                    out[column, part] = np.maximum(gaps.max(axis=1), -gaps.min(axis=1)) / (n * m)
        return out


def ks_p_values(distances: Vector, n: int, m: int) -> tuple[Vector, str]:
    """Give each distance the p-value of continuous data, and say which: "exact" for n m up to 10^4, else "asymptotic".

    With ties it is too large: values that are equal leave fewer places for a gap.
    """
    from scipy.stats import kstwo

    if n * m > EXACT:
        return np.clip(kstwo.sf(distances, round(n * m / (n + m))), 0.0, 1.0), "asymptotic"
    found, place = np.unique(distances, return_inverse=True)
    return exact_ks_p(found, n, m)[place], "exact"


def exact_ks_p(distances: Vector, n: int, m: int) -> Vector:
    """Compute the chance of a gap of at least each distance between continuous samples of one law.

    Follows lattice paths from (0, 0) to (n, m), labels dealt at random, until they leave the band around the diagonal
    (Hodges 1958, "The significance probability of the Smirnov two-sample test", section 4). Cost O(n m) for all.

    Examples
    --------
    >>> exact_ks_p(np.array([1.0]), 3, 3).round(6).tolist()  # 2 of 20 orders keep the samples apart
    [0.1]
    """
    limit = (distances - 1e-9) * n * m
    near = np.zeros((m + 1, len(distances)))  # chance of (i, j) by a path that was close so far
    near[0] = 1.0
    left = np.zeros(len(distances))  # chance of having left the band: summed where paths leave it, so small ones keep
    for i in range(n + 1):
        if i > 0:
            near *= (n - i + 1) / (n - i + 1 + np.arange(m, -1, -1.0)[:, None])
        for j in range(m + 1):
            if j > 0:
                near[j] += near[j - 1] * ((m - j + 1) / (n - i + m - j + 1))
            leaves = abs(i * m - j * n) >= limit
            left += np.where(leaves, near[j], 0.0)
            near[j] = np.where(leaves, 0.0, near[j])
    return np.minimum(left, 1.0)


def step_down_max(observed: Vector, null: Matrix) -> Vector:
    """Adjust each statistic by the largest of it and all smaller ones under relabelling, shape (d,).

    Keeps the chance of any false rejection, and uses the dependence of the columns (Westfall & Young 1993,
    "Resampling-based multiple testing", section 2.6).

    Parameters
    ----------
    observed : ndarray, shape (d,)
        Larger speaks against "same law".
    null : ndarray, shape (d, B)
    """
    order = np.argsort(observed, kind="stable")  # ascending: each maximum takes in one column more
    largest = np.maximum.accumulate(null[order], axis=0)
    above = (largest >= observed[order][:, None] - 1e-12).sum(axis=1)
    stepped = np.maximum.accumulate(((1.0 + above) / (1.0 + null.shape[1]))[::-1])[::-1]
    adjusted = np.empty(len(observed))
    adjusted[order] = stepped
    return adjusted
