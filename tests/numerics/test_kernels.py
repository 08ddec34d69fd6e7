"""Kernels and discrepancies: double loops, closed forms, and the wrong variants next to them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.distances import off_diagonal, pooled_distances, pooled_l1_distances
from gandiag.numerics.kernels import (
    bandwidth_grid,
    biased_mmd2,
    categorical_kernel,
    gaussian_kernel,
    hollow_centred,
    laplace_kernel,
    unbiased_mmd2,
    witness,
)

Matrix = NDArray[np.float64]


def sides(n: int = 7, m: int = 5) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), rng.normal(size=(m, 3)) + 0.5, (np.arange(n + m) < n)[:, None]


def loop(x: Matrix, y: Matrix, length: float, *, diagonal: bool) -> float:
    """The discrepancy by two loops."""

    def k(a: Matrix, b: Matrix) -> float:
        return float(np.exp(-np.square(a - b).sum() / (2 * length**2)))

    def mean_within(z: Matrix) -> float:
        pairs = [k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if diagonal or i != j]
        return float(np.mean(pairs))

    return mean_within(x) + mean_within(y) - 2 * float(np.mean([k(a, b) for a in x for b in y]))


def test_both_estimators_agree_with_double_loops_and_differ_from_each_other() -> None:
    x, y, labels = sides()
    kernel = gaussian_kernel(pooled_distances(np.concatenate([x, y])), 1.3)
    biased, unbiased = loop(x, y, 1.3, diagonal=True), loop(x, y, 1.3, diagonal=False)
    assert biased_mmd2(kernel, labels)[0] == pytest.approx(biased, rel=1e-12)
    assert unbiased_mmd2(hollow_centred(kernel)[0], labels)[0] == pytest.approx(unbiased, rel=1e-11)
    assert biased != pytest.approx(unbiased, rel=1e-2)


def test_kernels_agree_with_scikit_learn() -> None:
    from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel

    x, _, _ = sides()
    np.testing.assert_allclose(
        gaussian_kernel(pooled_distances(x), 0.7), rbf_kernel(x, gamma=1 / (2 * 0.49)), rtol=1e-12
    )
    np.testing.assert_allclose(
        laplace_kernel(pooled_l1_distances(x), 0.7), laplacian_kernel(x, gamma=1 / 0.7), rtol=1e-12
    )


def test_centring_leaves_the_unbiased_estimate_as_it_is() -> None:
    x, y, labels = sides()
    kernel = gaussian_kernel(pooled_distances(np.concatenate([x, y])), 1.3)
    hollow = kernel.copy()
    np.fill_diagonal(hollow, 0.0)
    expected = unbiased_mmd2(hollow, labels)
    centred, size = hollow_centred(kernel)
    np.testing.assert_allclose(unbiased_mmd2(centred, labels), expected, rtol=1e-12)
    assert abs(centred.sum()) < 1e-12
    assert size == pytest.approx(float(np.sqrt(np.square(hollow).sum() / (12 * 11))))


@pytest.mark.row(18)
def test_the_categorical_discrepancy_counts_collisions() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 6, size=40), rng.integers(0, 4, size=25)
    pool = np.concatenate([a, b])
    labels = (np.arange(65) < 40)[:, None]
    shares = [np.bincount(side, minlength=6) / len(side) for side in (a, b)]
    kernel = categorical_kernel(pool, pool)
    assert biased_mmd2(kernel, labels)[0] == pytest.approx(np.square(shares[0] - shares[1]).sum(), abs=1e-12)
    counts = [np.bincount(side, minlength=6) for side in (a, b)]
    rates = [(c * (c - 1)).sum() / (c.sum() * (c.sum() - 1)) for c in counts]
    collisions = rates[0] + rates[1] - 2 * (shares[0] * shares[1]).sum()
    assert unbiased_mmd2(hollow_centred(kernel)[0], labels)[0] == pytest.approx(collisions, abs=1e-12)


def test_the_witness_says_where_there_is_more_real_than_fake_mass() -> None:
    rng = np.random.default_rng(2)
    pool = np.concatenate([rng.normal(size=(60, 1)), rng.normal(size=(80, 1)) + 4.0])
    is_real = np.arange(140) < 60
    hollow, _ = hollow_centred(gaussian_kernel(pooled_distances(pool), 1.0))
    values = witness(hollow @ is_real, hollow.sum(axis=1), is_real)
    assert (values[is_real] > 0).mean() > 0.95
    assert (values[~is_real] < 0).mean() > 0.95
    # Its mean over real less its mean over fake is the unbiased discrepancy.
    found = values[is_real].mean() - values[~is_real].mean()
    assert found == pytest.approx(unbiased_mmd2(hollow, is_real[:, None])[0], rel=1e-12)


def test_bandwidths_span_the_pooled_distances() -> None:
    distances = pooled_distances(np.random.default_rng(3).normal(size=(200, 2)))
    grid = bandwidth_grid(off_diagonal(distances), 10)
    off = distances[np.triu_indices(200, 1)]
    assert grid[0] == pytest.approx(np.quantile(off, 0.05) / 2)
    assert grid[-1] == pytest.approx(2 * np.quantile(off, 0.95))
    np.testing.assert_allclose(np.diff(grid), np.diff(grid)[0])


def test_bandwidths_stay_positive_when_most_distances_are_zero() -> None:
    pool = np.zeros((50, 1))
    pool[:3, 0] = [1.0, 2.0, 5.0]
    assert (bandwidth_grid(off_diagonal(pooled_distances(pool)), 10) > 0.0).all()
    assert bandwidth_grid(np.zeros(6), 10).size == 0


@pytest.mark.row(36)
def test_collisions_estimate_the_squared_distance_of_two_frequency_vectors() -> None:
    """Verification row 36: 0.0025 between the uniform law on 100 cells and one with half of them up and half down."""
    rng = np.random.default_rng(36)
    even, tilted = np.full(100, 0.01), np.where(np.arange(100) < 50, 0.015, 0.005)
    labels = (np.arange(300) < 150)[:, None]
    unbiased, biased = [], []
    for _ in range(600):
        cells = np.concatenate([rng.choice(100, 150, p=even), rng.choice(100, 150, p=tilted)])
        kernel = categorical_kernel(cells, cells)
        unbiased.append(float(unbiased_mmd2(kernel - np.eye(300), labels)[0]))
        biased.append(float(biased_mmd2(kernel, labels)[0]))
    error = np.std(unbiased) / np.sqrt(600)
    assert abs(np.mean(unbiased) - 0.0025) < 4 * error
    assert abs(np.mean(biased) - 0.0025) > 4 * error  # diagonals left in
