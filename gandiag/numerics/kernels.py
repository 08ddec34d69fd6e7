"""Kernels of distances, and the maximum mean discrepancy of every column of a label matrix at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import off_diagonal, positive_quantile
from gandiag.numerics.labels import group_sums

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]


def gaussian_kernel(distances: Matrix, bandwidth: float) -> Matrix:
    """Evaluate ``exp(-r^2 / (2 l^2))`` at Euclidean distances ``r``, in the shape of ``distances``."""
    # Divided first: squares of distances may leave the range of floats.
    out: Matrix = np.square(distances / bandwidth)
    out *= -0.5
    return np.exp(out, out=out)


def laplace_kernel(distances: Matrix, bandwidth: float) -> Matrix:
    """Evaluate ``exp(-r / l)`` at L1 distances ``r``, in the shape of ``distances``."""
    out: Matrix = distances / -bandwidth
    return np.exp(out, out=out)


def categorical_kernel(a: NDArray[np.int64], b: NDArray[np.int64]) -> Matrix:
    """Evaluate 1 where two categories are equal and 0 elsewhere, shape (len(a), len(b)).

    Its biased squared discrepancy is the squared L2 distance of the two frequency vectors; its within-sample means are
    collision rates.
    """
    out: Matrix = (a[:, None] == b[None, :]).astype(np.float64)
    return out


def hollow_centred(kernel: Matrix) -> tuple[Matrix, float]:
    """Subtract the mean off-diagonal entry, in place, and empty the diagonal.

    Parameters
    ----------
    kernel : ndarray, shape (N, N)
        Symmetric; overwritten.

    Returns
    -------
    kernel : ndarray, shape (N, N)
    root_mean_square : float
        Of the off-diagonal entries *before* centring: the permutation-invariant normaliser of MMD-FUSE.

    Notes
    -----
    The unbiased estimator does not change, and loses no digits where the kernel is nearly constant (wide bandwidth).
    """
    pairs = len(kernel) * (len(kernel) - 1)
    np.fill_diagonal(kernel, 0.0)
    root_mean_square = float(np.sqrt(np.einsum("ij,ij->", kernel, kernel) / pairs))
    kernel -= kernel.sum() / pairs
    np.fill_diagonal(kernel, 0.0)
    return kernel, root_mean_square


def unbiased_mmd2(hollow: Matrix, labels: Labels) -> Matrix:
    """Compute the unbiased squared discrepancy of every column, shape (B,); it may be negative.

    Parameters
    ----------
    hollow : ndarray, shape (N, N)
        Symmetric kernel matrix with an empty diagonal.
    labels : ndarray of bool, shape (N, B)
        At least two of each side; as many real in every column.
    """
    n, m = _sizes(labels)
    real_real, fake_fake, real_fake = group_sums(hollow, labels)
    return real_real / (n * (n - 1)) + fake_fake / (m * (m - 1)) - 2.0 * real_fake / (n * m)


def biased_mmd2(kernel: Matrix, labels: Labels) -> Matrix:
    """Compute the squared distance of the two mean embeddings of every column, shape (B,), diagonals included."""
    n, m = _sizes(labels)
    real_real, fake_fake, real_fake = group_sums(kernel, labels)
    return real_real / n**2 + fake_fake / m**2 - 2.0 * real_fake / (n * m)


def witness(hollow: Matrix, is_real: Labels) -> Matrix:
    """Evaluate the witness function at every pooled point, each left out of its own side's mean, shape (N,).

    Positive where the kernel sees more real than fake.
    """
    n, m = _sizes(is_real[:, None])
    real = hollow @ is_real.astype(np.float64)
    fake = hollow.sum(axis=1) - real
    out: Matrix = real / (n - is_real) - fake / (m - ~is_real)
    return out


def bandwidth_grid(distances: Matrix, count: int) -> Matrix:
    """Space ``count`` bandwidths from half the 5 % quantile to twice the 95 % quantile of the pooled distances.

    Zero quantiles move on to the next positive one; the grid is empty when all distances are 0.
    """
    off = off_diagonal(distances)
    low, high = positive_quantile(off, 0.05)[0], positive_quantile(off, 0.95)[0]
    if high == 0.0:
        return np.empty(0)
    return np.linspace(low / 2.0, 2.0 * high, count)


def _sizes(labels: Labels) -> tuple[int, int]:
    n = int(labels[:, 0].sum())
    return n, len(labels) - n
