"""Kullback-Leibler divergence by distances to k-th neighbours, for one pair of samples and for every relabelling.

``(d / n) sum_i log(nu_i / rho_i) + log(m / (n - 1))``, with ``rho_i`` the distance of the i-th row of the first sample
to its k-th nearest fellow and ``nu_i`` to its k-th nearest row of the second (Wang, Kulkarni & Verdu 2009, "Divergence
estimation for multidimensional densities via k-nearest-neighbor distances"; k fixed).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NumericalError, TooFewSamplesError
from gandiag.numerics.backend import Array, namespace, on_host
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.nearest import nearest_rows
from gandiag.numerics.neighbours import require_neighbours

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

# Columns of labels at once: a block of marks then stays in a core's cache.
_COLUMNS = 64
_LOOK = 4


def knn_divergence(first: Matrix, second: Matrix, k: int = 5) -> float:
    """Estimate ``KL(first || second)`` in nats from distances to k-th neighbours.

    Parameters
    ----------
    first : ndarray, shape (n, d)
        More than k rows.
    second : ndarray, shape (m, d)
        At least k rows.
    k : int

    Returns
    -------
    float
        Below 0 by chance where the laws are alike. Biased towards 0 the more, the more columns there are.

    Raises
    ------
    TooFewSamplesError
    NumericalError
        Where a row has k copies: the estimate is infinite.

    Notes
    -----
    Cost O(n log(n m)) in few columns, O(n (n + m) d) in many; memory is bounded.

    Examples
    --------
    >>> import numpy as np
    >>> round(knn_divergence(np.array([[0.0], [1.0]]), np.array([[3.0]]), k=1), 6)  # (log 3 + log 2) / 2
    0.89588
    """
    if len(second) < k:
        raise TooFewSamplesError(
            f"the {k}-th neighbour needs at least {k} rows", received=len(second), remedy="Draw more, or lower k."
        )
    require_neighbours(len(first), k)
    within = nearest_rows(first, first, k, own=np.arange(len(first)))[0][:, -1]
    across = nearest_rows(first, second, k)[0][:, -1]
    copies = int((within == 0.0).sum()), int((across == 0.0).sum())
    if any(copies):
        raise NumericalError(
            f"no row may have {k} copies: densities are estimated from distances",
            received=f"{copies[0]} rows with {k} copies on their own side, {copies[1]} on the other",
            remedy="Compare discrete data by counts, or raise k.",
        )
    ratios = np.log(across) - np.log(within)
    return float(first.shape[1] * ratios.mean()) + math.log(len(second) / (len(first) - 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedPool:
    """The neighbours of every pooled row from the nearest on: any labelling then needs counting only.

    Attributes
    ----------
    neighbours : ndarray of int, shape (N - 1, N)
        In column i the other rows, nearest first.
    logs : ndarray, shape (N - 1, N)
        Logarithms of their distances; those of equal rows are taken at the smallest distance that is not 0.
    """

    neighbours: NDArray[np.int64]
    logs: Matrix

    @classmethod
    def of(cls, pool: Array) -> RankedPool:
        """Rank a pool; O(N^2 (d + log N)) time, O(N^2) memory. NumPy array or tensor.

        Raises
        ------
        NumericalError
            When all rows are equal.
        """
        distances = pooled_distances(pool)
        xp = namespace(distances)
        at = xp.arange(distances.shape[0])
        distances[at, at] = -1.0  # before every copy of the row
        order = on_host(xp.argsort(distances, axis=1))[:, 1:].T
        found = on_host(distances)
        sorted_distances = np.take_along_axis(found.T, order, axis=0)
        if not (sorted_distances > 0.0).any():
            raise NumericalError("rows must differ", received="equal rows", remedy="Compare discrete data by counts.")
        least = sorted_distances[sorted_distances > 0.0].min()
        return cls(neighbours=np.ascontiguousarray(order), logs=np.log(np.maximum(sorted_distances, least, order="C")))

    def mean_log_ratios(self, labels: Labels, k: int) -> Vector:
        """Average ``log(nu / rho)`` over the rows with label True, shape (B,).

        Parameters
        ----------
        labels : ndarray of bool, shape (N, B)
            True marks the first sample; more than k of them and at least k of the others in every column.
        k : int

        Notes
        -----
        Walks outward until every row has met its k-th neighbour of either side: some ``4 k`` ranks of a random
        labelling, each O(N B).
        """
        out = np.empty(labels.shape[1])
        for start in range(0, len(out), _COLUMNS):
            block = np.ascontiguousarray(labels[:, start : start + _COLUMNS])
            out[start : start + _COLUMNS] = self._walk(block, k) / block.sum(axis=0)
        return out

    def _walk(self, labels: Labels, k: int) -> Vector:
        met = np.zeros(labels.shape, dtype=np.int16)  # of the first sample
        total = np.zeros(labels.shape[1])
        for rank, (near, logs) in enumerate(zip(self.neighbours, self.logs, strict=True)):
            is_first = labels[near]
            met += is_first
            # The count of one side reaches k at this rank, at a row whose side is averaged over.
            own = is_first & (met == k) & labels
            other = ~is_first & (met == rank + 1 - k) & labels
            total += logs @ (other.astype(np.float64) - own)
            if rank % _LOOK == 0 and not (((met < k) | (met > rank + 1 - k)) & labels).any():
                break
        return total
