"""Balls whose radii and whose counts are clipped: the parts of clipped density and coverage, under every labelling.

After Salvy, Talbot & Thirion 2025, "Enhanced generative model evaluation with clipped density and coverage".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.labelled_balls import (
    NeighbourOrder,
    Whole,
    ball_ends,
    column_parts,
    rows_held,
)
from gandiag.numerics.neighbours import TIE

Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]


def clipped_memberships(table: NeighbourOrder, labels: Labels, k: int) -> tuple[Vector, Vector]:
    """Average how many clipped balls lie around a row, over k and at most 1.

    A ball of a row with a label reaches to the k-th other row with it, but no farther than the median of these reaches.

    Parameters
    ----------
    table : NeighbourOrder
    labels : ndarray of bool, shape (N, B)
        As many True in every column, at least k + 1.
    k : int

    Returns
    -------
    without, within : ndarray, shape (B,)
        Over the rows without the label, and over those with it, their own balls left out; in [0, 1].
    """
    without, within = np.empty(labels.shape[1]), np.empty(labels.shape[1])
    for part in column_parts(labels):
        owned = np.ascontiguousarray(labels[:, part])
        around = _around(table, _clipped_ends(table, owned, k), k)
        without[part] = (around * ~owned).sum(axis=0, dtype=np.int64) / (k * (~owned).sum(axis=0))
        within[part] = (around * owned).sum(axis=0, dtype=np.int64) / (k * owned.sum(axis=0))
    return without, within


def _clipped_ends(table: NeighbourOrder, owned: Labels, k: int) -> Whole:
    ends = ball_ends(table, owned, k)
    radii = np.take_along_axis(table.distances, ends.astype(np.int64), axis=1)
    middle = np.median(radii.T[owned.T].reshape(owned.shape[1], -1), axis=1) * (1.0 + TIE)
    inside = np.full_like(ends, -1)
    for at in range(int(ends.max()) + 1):
        inside += table.distances[:, at, None] <= middle
    clipped: Whole = np.where(owned, np.minimum(ends, inside), -1).astype(ends.dtype)
    return clipped


def _around(table: NeighbourOrder, ends: Whole, k: int) -> Whole:
    """Count the balls around each row, up to k."""
    deepest = int(ends.max())
    around = np.zeros_like(ends)
    targets = np.arange(len(ends))
    for at in range(len(ends) - 1):  # last of its owners is the row itself
        reach = table.reach[at, targets]
        around[targets] += ends[table.owners[at, targets]] >= reach[:, None]
        if at % 4 == 3:
            open_still = (reach <= deepest) & (around[targets] < k).any(axis=1)
            targets = targets[open_still]
            if not len(targets):
                break
    return np.minimum(around, k)


def clipped_holdings(table: NeighbourOrder, labels: Labels, k: int) -> Vector:
    """Average how many rows without a label a ball of the rows with it holds, over k and at most 1, shape (B,)."""
    out = np.empty(labels.shape[1])
    for part in column_parts(labels):
        owned = np.ascontiguousarray(labels[:, part])
        held = np.minimum(rows_held(table, ~owned, ball_ends(table, owned, k)), k)
        out[part] = held.sum(axis=0, dtype=np.int64) / (k * owned.sum(axis=0))
    return out


def expected_holdings(n: int, good: NDArray[np.int64], k: int) -> Vector:
    """Compute the mean of `clipped_holdings` where ``good`` rows are of the law of the n rows that own the balls.

    For every continuous law the number of good rows in a ball to the k-th of n - 1 others is negative hypergeometric,
    by exchangeability: ``P(c) = C(k - 1 + c, c) C(n - 1 - k + g - c, g - c) / C(n - 1 + g, g)``.

    Parameters
    ----------
    n : int
        More than ``k``.
    good : ndarray of int
        At least 0.
    k : int

    Returns
    -------
    ndarray
        In [0, 1); rises with ``good`` from 0.

    Examples
    --------
    >>> expected_holdings(2, np.array([0, 1]), 1)
    array([0. , 0.5])
    """
    from scipy.special import gammaln

    def log_choose(above: Vector, below: Vector) -> Vector:
        found: Vector = gammaln(above + 1.0) - gammaln(below + 1.0) - gammaln(above - below + 1.0)
        return found

    of_law: Vector = np.asarray(good, dtype=np.float64)[:, None]
    counts: Vector = np.arange(k, dtype=np.float64)[None, :]
    rest: Vector = np.maximum(of_law - counts, 0.0)
    log_p = (
        log_choose(k - 1.0 + counts, counts)
        + log_choose(n - 1.0 - k + rest, rest)
        - log_choose(n - 1.0 + of_law, of_law)
    )
    p = np.where(counts <= of_law, np.exp(log_p), 0.0)
    expected: Vector = np.maximum(0.0, 1.0 - (p * (1.0 - counts / k)).sum(axis=1))
    return expected
