"""Label matrices as weights: what turns a permutation test into one matrix product."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]


def signed_weights(labels: Labels) -> Matrix:
    """Weigh real rows 1/n and fake rows -1/m, shape (N, B) for labels of that shape.

    A difference of means of any feature is then ``weights.T @ feature``.
    """
    n = labels.sum(axis=0)
    out: Matrix = np.where(labels, 1.0 / n, -1.0 / (len(labels) - n))
    return out


def group_sums(kernel: Matrix, labels: Labels) -> tuple[Matrix, Matrix, Matrix]:
    """Sum a symmetric kernel matrix within real, within fake and across, each shape (B,).

    Parameters
    ----------
    kernel : ndarray, shape (N, N)
        Symmetric. Centre it first when its entries are nearly equal.
    labels : ndarray of bool, shape (N, B)

    Returns
    -------
    real_real, fake_fake, real_fake : ndarray, shape (B,)
        Sums over ordered pairs, diagonals included; ``real_fake`` counts each pair once.

    Notes
    -----
    One matrix product, O(N^2 B) time and O(N B) memory beside the kernel.
    """
    real = labels.astype(kernel.dtype)
    product = kernel @ real  # (N, B)
    real_real = np.einsum("nb,nb->b", real, product)
    rows = product.sum(axis=0)
    real_fake = rows - real_real
    fake_fake = kernel.sum() - real_real - 2.0 * real_fake
    return real_real, fake_fake, real_fake
