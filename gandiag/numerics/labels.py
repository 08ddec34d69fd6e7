"""Label matrices as weights: what turns a permutation test into one matrix product."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace, on_host

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]


def signed_weights(labels: Labels) -> Matrix:
    """Weigh real rows 1/n and fake rows -1/m, shape (N, B) for labels of that shape.

    A difference of means of any feature is then ``weights.T @ feature``.
    """
    n = labels.sum(axis=0)
    out: Matrix = np.where(labels, 1.0 / n, -1.0 / (len(labels) - n))
    return out


def group_sums(kernel: Array, labels: Labels) -> tuple[Matrix, Matrix, Matrix]:
    """Sum a symmetric kernel matrix within real, within fake and across, each shape (B,).

    Parameters
    ----------
    kernel : array, shape (N, N)
        Symmetric; NumPy or a tensor. Centre it first when its entries are nearly equal.
    labels : ndarray of bool, shape (N, B)

    Returns
    -------
    real_real, fake_fake, real_fake : ndarray, shape (B,)
        Sums over ordered pairs, diagonals included; ``real_fake`` counts each pair once.

    Notes
    -----
    One matrix product, O(N^2 B) time and O(N B) memory beside the kernel. `pair_sums` is faster for many columns.
    """
    xp = namespace(kernel)
    real = xp.astype(beside(labels, kernel), kernel.dtype)
    product = kernel @ real  # (N, B)
    rows = on_host(xp.sum(product, axis=0))
    product *= real
    real_real = on_host(xp.sum(product, axis=0))
    real_fake = rows - real_real
    fake_fake = float(xp.sum(kernel)) - real_real - 2.0 * real_fake
    return real_real, fake_fake, real_fake
