"""How many different samples there are in effect: exponentials of the entropy of a kernel's eigenvalues.

A kernel matrix K with ones on its diagonal has eigenvalues of ``K / n`` that sum to 1, a probability law of "kinds";
its Rényi entropy of order q, exponentiated, is the effective number of kinds (Friedman & Dieng 2023, "The Vendi score",
eq. 1, with q = 1; order 2 is ``1 / |K / n|_F^2``, the RKE of Jalali, Li & Farnia 2023, "An information-theoretic
evaluation of generative models in learning multi-modal distributions", section 4). n equal samples give 1, n orthogonal
ones n.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NumericalError
from gandiag.numerics.backend import Array, namespace, on_host
from gandiag.numerics.distances import off_diagonal, positive_quantile
from gandiag.numerics.labels import group_sums

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]


def effective_number(eigenvalues: Vector, q: float = 1.0) -> float:
    """Compute the exponential of the Rényi entropy of order q.

    Parameters
    ----------
    eigenvalues : ndarray, shape (k,)
        At least 0 up to rounding, not all 0; divided by their sum here.
    q : float
        Above 0; 1 is Shannon's entropy, 2 counts collisions, infinity looks at the largest alone.

    Returns
    -------
    float
        From 1 to k, falling with q.

    Raises
    ------
    NumericalError
        When no eigenvalue is above 0.

    Examples
    --------
    >>> import numpy as np
    >>> round(effective_number(np.array([3.0, 1.0, 2.0])), 4), round(effective_number(np.array([3.0, 1.0, 2.0]), 2), 4)
    (2.7495, 2.5714)
    """
    top = float(eigenvalues.max())
    if not top > 0.0:
        raise NumericalError(
            "a kernel matrix must have an eigenvalue above 0", received=f"largest {top:g}", remedy="Give samples."
        )
    # What is below rounding would count in orders under 1, where many small shares weigh as much as large ones.
    shares = eigenvalues[eigenvalues > np.finfo(float).eps * len(eigenvalues) * top]
    shares = shares / shares.sum()
    if q == 1.0:
        return float(np.exp(-(shares * np.log(shares)).sum()))
    if math.isinf(q):
        return float(1.0 / shares.max())
    return float(np.exp(np.log((shares**q).sum()) / (1.0 - q)))


def truncated_number(eigenvalues: Vector, t: int, q: float = 1.0) -> float:
    """Compute the effective number from the t largest eigenvalues, what is left spread evenly over them.

    It converges with ``n = O(t)`` samples, where the full number may not converge at any size that is in reach
    (Ospanov & Farnia 2025, "Do Vendi scores converge with finite samples?", definition 1). Range 1 to t.
    """
    shares = np.sort(np.maximum(eigenvalues, 0.0))[::-1]
    shares = shares / shares.sum()
    kept = shares[:t]
    return effective_number(kept + max(0.0, 1.0 - float(kept.sum())) / len(kept), q)


def kernel_eigenvalues(kernel: Array) -> Vector:
    """Find the eigenvalues of ``K / n``, rising, shape (n,). Cost O(n^3)."""
    return on_host(namespace(kernel).linalg.eigvalsh(kernel / kernel.shape[0]))


def cosine_eigenvalues(rows: Array) -> Vector:
    """Find the eigenvalues of ``K / n`` for the cosine kernel from unit rows, by the smaller of n and d.

    Parameters
    ----------
    rows : ndarray or tensor, shape (n, d)
        As `unit_rows` gives them.

    Notes
    -----
    ``U U'`` and ``U' U`` share their eigenvalues above 0. Cost O(n d min(n, d)).
    """
    xp = namespace(rows)
    n, d = rows.shape
    gram = xp.matmul(rows, rows.T) if n <= d else xp.matmul(rows.T, rows)
    return on_host(xp.linalg.eigvalsh(gram / n))


def unit_rows(rows: Array) -> Array:
    """Scale rows to length 1, shape (n, d + 1).

    A row of zeros has no direction: all such rows point along the last coordinate, equal to each other and unlike all
    others.
    """
    xp = namespace(rows)
    largest = xp.max(xp.abs(rows), axis=1, keepdims=True)
    empty = largest == 0.0
    scaled = rows / xp.where(empty, xp.ones_like(largest), largest)  # squares then neither overflow nor vanish
    scaled = xp.concat([scaled, xp.astype(empty, scaled.dtype)], axis=1)
    return scaled / xp.sqrt(xp.sum(scaled * scaled, axis=1, keepdims=True))


def half_median_bandwidth(distances: Matrix) -> float:
    """Take half the median distance of a pooled sample, 1 where all are 0: no relabelling changes it."""
    found = positive_quantile(off_diagonal(distances), 0.5)[0]
    return found / 2.0 if found > 0.0 else 1.0


def collision_rates(hollow: Matrix, labels: Labels) -> tuple[Vector, Vector]:
    """Average squared kernel values over pairs within real and within fake, each shape (B,).

    Parameters
    ----------
    hollow : ndarray, shape (N, N)
        Squares of the kernel, with an empty diagonal.
    labels : ndarray of bool, shape (N, B)
        As many real in every column; at least two of each side.

    Returns
    -------
    real, fake : ndarray, shape (B,)
        U-statistics. Never below what one full collision among all pairs would give, so that their inverses exist.
    """
    n = int(labels[:, 0].sum())
    pairs = n * (n - 1), (len(labels) - n) * (len(labels) - n - 1)
    sums = group_sums(hollow, labels)[:2]
    real, fake = (np.maximum(total, 1.0) / count for total, count in zip(sums, pairs, strict=True))
    return real, fake


def by_relabelling(count: Callable[[NDArray[np.int64]], float], labels: Labels) -> Matrix:
    """Count the fake rows' effective number under every labelling, and its logarithm over real's, shape (2, B)."""
    fake = np.array([count(np.flatnonzero(~column)) for column in labels.T])
    real = np.array([count(np.flatnonzero(column)) for column in labels.T])
    return np.stack([fake, np.log(fake) - np.log(real)])
