"""Against scikit-learn: kernels and their discrepancies, neighbours far from the origin, a critic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import agrees
from numpy.typing import NDArray

from gandiag.metrics.kid import kernel_distance
from gandiag.metrics.mmd import mmd_squared
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.kernels import biased_mmd2, gaussian_kernel
from gandiag.numerics.neighbours import knn_radii

Matrix = NDArray[np.float64]


def pair(n: int = 40, m: int = 30, d: int = 5) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d)) + 0.4


def discrepancy(real_real: Matrix, fake_fake: Matrix, across: Matrix, *, diagonal: bool) -> float:
    def mean(square: Matrix) -> float:
        n = len(square)
        return float(square.mean()) if diagonal else float((square.sum() - np.trace(square)) / (n * (n - 1)))

    return mean(real_real) + mean(fake_fake) - 2.0 * float(across.mean())


@pytest.mark.differential("D06")
@pytest.mark.parametrize("length", [0.7, 3.0])
def test_the_gaussian_discrepancy_by_whole_kernel_matrices(length: float) -> None:
    from sklearn.metrics.pairwise import rbf_kernel

    real, fake = pair()
    kernels = [rbf_kernel(x, y, gamma=0.5 / length**2) for x, y in ((real, real), (fake, fake), (real, fake))]
    agrees(mmd_squared(real, fake, bandwidth=length), discrepancy(*kernels, diagonal=False), rel=1e-11)
    whole = gaussian_kernel(pooled_distances(np.concatenate([real, fake])), length)
    biased = biased_mmd2(whole, (np.arange(70) < 40)[:, None])[0]
    agrees(biased, discrepancy(*kernels, diagonal=True), rel=1e-12)


@pytest.mark.differential("D06")
def test_the_cubic_discrepancy_by_whole_kernel_matrices() -> None:
    from sklearn.metrics.pairwise import polynomial_kernel

    real, fake = pair()
    kernels = [polynomial_kernel(x, y, degree=3, coef0=1) for x, y in ((real, real), (fake, fake), (real, fake))]
    agrees(kernel_distance(real, fake)[0], discrepancy(*kernels, diagonal=False), rel=1e-10)
    assert kernel_distance(real, fake)[0] != pytest.approx(discrepancy(*kernels, diagonal=True), rel=0.01)


@pytest.mark.differential("D21")
@pytest.mark.parametrize("k", [1, 3, 10])
def test_radii_far_from_the_origin_and_between_equal_rows(k: int) -> None:
    from sklearn.neighbors import KDTree

    rows = np.random.default_rng(1).normal(size=(300, 4))
    rows[:60] = rows[60:120]
    rows += 1e6
    expected = KDTree(rows).query(rows, k + 1)[0][:, k]
    found = knn_radii(rows, k)
    apart = expected > 0
    np.testing.assert_array_equal(found[~apart], 0.0)
    agrees(found[apart], expected[apart], rel=1e-12)
    # Its brute force expands the squares, and at this offset has hardly a digit.
    from sklearn.metrics.pairwise import euclidean_distances

    expanded = np.sort(euclidean_distances(rows), axis=1)[:, k]
    assert np.abs(expanded - expected).max() > 1e-5
