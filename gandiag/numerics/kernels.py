"""Kernels of distances, and the maximum mean discrepancy of every column of a label matrix at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace, on_host
from gandiag.numerics.distances import off_diagonal, pooled_distances, positive_quantile, positive_quantiles
from gandiag.numerics.labels import group_sums

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]


def gaussian_kernel(distances: Array, bandwidth: float) -> Array:
    """Evaluate ``exp(-r^2 / (2 l^2))`` at Euclidean distances ``r``, in the shape of ``distances``."""
    # Divided first: squares of distances may leave the range of floats.
    out = distances / bandwidth
    out *= out
    out *= -0.5
    return _exponential(out)


def laplace_kernel(distances: Array, bandwidth: float) -> Array:
    """Evaluate ``exp(-r / l)`` at L1 distances ``r``, in the shape of ``distances``."""
    return _exponential(distances / -bandwidth)


def _exponential(values: Array) -> Array:
    return np.exp(values, out=values) if isinstance(values, np.ndarray) else namespace(values).exp(values)


def categorical_kernel(a: NDArray[np.int64], b: NDArray[np.int64]) -> Matrix:
    """Evaluate 1 where two categories are equal and 0 elsewhere, shape (len(a), len(b)).

    Its biased squared discrepancy is the squared L2 distance of the two frequency vectors; its within-sample means are
    collision rates.
    """
    out: Matrix = (a[:, None] == b[None, :]).astype(np.float64)
    return out


def hollow_centred(kernel: Array) -> tuple[Array, float]:
    """Subtract the mean off-diagonal entry, and empty the diagonal.

    Parameters
    ----------
    kernel : array, shape (N, N)
        Symmetric; left as it is.

    Returns
    -------
    kernel : array, shape (N, N)
    root_mean_square : float
        Of the off-diagonal entries *before* centring: the permutation-invariant normaliser of MMD-FUSE.

    Notes
    -----
    The unbiased estimator does not change, and loses no digits where the kernel is nearly constant (wide bandwidth).
    """
    xp = namespace(kernel)
    rows = kernel.shape[0]
    diagonal = beside(np.eye(rows, dtype=bool), kernel)
    empty = xp.zeros_like(kernel)
    hollow = xp.where(diagonal, empty, kernel)
    root_mean_square = float(np.sqrt(float(xp.sum(hollow * hollow)) / (rows * (rows - 1))))
    mean = xp.sum(hollow) / (rows * (rows - 1))
    return xp.where(diagonal, empty, hollow - mean), root_mean_square


def unbiased_mmd2(hollow: Array, labels: Labels) -> Matrix:
    """Compute the unbiased squared discrepancy of every column, shape (B,); it may be negative.

    Parameters
    ----------
    hollow : array, shape (N, N)
        Symmetric kernel matrix with an empty diagonal.
    labels : ndarray of bool, shape (N, B)
        At least two of each side; as many real in every column.
    """
    n, m = group_sizes(labels)
    real_real, fake_fake, real_fake = group_sums(hollow, labels)
    return real_real / (n * (n - 1)) + fake_fake / (m * (m - 1)) - 2.0 * real_fake / (n * m)


def unbiased_scale(n: int, m: int) -> float:
    """Say what turns the real pair sum of a kernel centred on both sides (`PairSums`) into the unbiased discrepancy.

    With rows that sum to 0 the fake pairs sum to the same ``q``, and the mixed ones to ``-q``.
    """
    return 1.0 / (n * (n - 1)) + 1.0 / (m * (m - 1)) + 2.0 / (n * m)


def biased_mmd2(kernel: Array, labels: Labels) -> Matrix:
    """Compute the squared distance of the two mean embeddings of every column, shape (B,), diagonals included."""
    n, m = group_sizes(labels)
    real_real, fake_fake, real_fake = group_sums(kernel, labels)
    return real_real / n**2 + fake_fake / m**2 - 2.0 * real_fake / (n * m)


def biased_from_unbiased(unbiased: float, within_real: float, within_fake: float, n: int, m: int) -> float:
    """Put the diagonals (of a kernel with ``k(x, x) = 1``) back.

    Parameters
    ----------
    unbiased : float
        The unbiased squared discrepancy.
    within_real, within_fake : float
        Mean kernel values between different rows of one side.
    n, m : int
    """
    return unbiased + (1.0 - within_real) / n + (1.0 - within_fake) / m


def witness(sums_over_real: Matrix, sums_over_all: Matrix, is_real: Labels) -> Matrix:
    """Evaluate the witness function at every pooled point, each left out of its own side's mean, shape (N,).

    Positive where the kernel sees more real than fake.

    Parameters
    ----------
    sums_over_real, sums_over_all : ndarray, shape (N,)
        Row sums of the kernel matrix over real rows and over all rows, the row itself left out.
    is_real : ndarray of bool, shape (N,)
    """
    n, m = group_sizes(is_real[:, None])
    out: Matrix = sums_over_real / (n - is_real) - (sums_over_all - sums_over_real) / (m - ~is_real)
    return out


def bandwidth_grid(off: Array, count: int) -> Matrix:
    """Space ``count`` bandwidths from half the 5 % quantile to twice the 95 % quantile of the pooled distances.

    Zero quantiles move on to the next positive one; the grid is empty when all distances (of all pairs) are 0.
    """
    (low, _), (high, _) = positive_quantiles(off, [0.05, 0.95])
    if high == 0.0:
        return np.empty(0)
    return np.linspace(low / 2.0, 2.0 * high, count)


def geometric_bandwidths(off: Array, count: int) -> Matrix:
    """Space ``count`` bandwidths geometrically from half the smallest to twice the largest positive distance.

    Distances below a thousandth of the median are left out of it: a near-copy would spend the grid on scales that
    nothing else has. Empty when all distances are 0.
    """
    values = on_host(off)
    middle, largest = positive_quantile(values, 0.5)[0], float(values.max())
    if largest == 0.0:
        return np.empty(0)
    smallest = float(values[values >= 1e-3 * middle].min())
    return np.geomspace(smallest / 2.0, 2.0 * largest, count)


def group_sizes(labels: Labels) -> tuple[int, int]:
    """Count the real and the fake rows of a label matrix, the same in every column."""
    n = int(labels[:, 0].sum())
    return n, len(labels) - n


def sampled_bandwidth(real: Array, fake: Array, rng: np.random.Generator, rows: int = 500) -> float:
    """Take the median distance of some pooled rows, or the next positive quantile; 0 where they are all equal.

    The rows are drawn from the pool without looking at the sides, so that a permutation test stays exact.
    """
    xp = namespace(real, fake)
    n, m = real.shape[0], fake.shape[0]
    chosen = np.sort(rng.choice(n + m, size=min(2 * rows, n + m), replace=False))
    at = int(np.searchsorted(chosen, n))
    parts = [
        xp.take(real, beside(chosen[:at], real), axis=0),
        xp.take(fake, beside(chosen[at:] - n, fake), axis=0),
    ]
    return positive_quantile(off_diagonal(pooled_distances(xp.concat(parts))), 0.5)[0]


def quadruple_values(real: Matrix, fake: Matrix, bandwidth: float) -> Matrix:
    """Evaluate h on rows ``2 i`` and ``2 i + 1`` of both sides, shape (min(n, m) // 2,).

    Cost O(n d).
    """
    count = 2 * (min(len(real), len(fake)) // 2)
    x, other_x, y, other_y = (side[start:count:2] / bandwidth for side in (real, fake) for start in (0, 1))

    def kernel(a: Matrix, b: Matrix) -> Matrix:
        out: Matrix = np.exp(-0.5 * np.square(a - b).sum(axis=1))
        return out

    return kernel(x, other_x) + kernel(y, other_y) - kernel(x, other_y) - kernel(other_x, y)
