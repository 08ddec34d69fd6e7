from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.nearest import fit_support, nearest_rows

Matrix = NDArray[np.float64]


def brute(queries: Matrix, reference: Matrix, k: int, own: NDArray[np.int64] | None = None) -> Matrix:
    distances = np.sqrt(np.square(queries[:, None] - reference[None]).sum(axis=2))
    if own is not None:
        distances[np.arange(len(own)), own] = np.inf
    return np.sort(distances, axis=1)[:, :k]


@pytest.mark.parametrize("d", [1, 2, 8, 9, 64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_nearest_rows_agree_with_all_differences(d: int, offset: float) -> None:
    rng = np.random.default_rng(d)
    queries, reference = offset + rng.normal(size=(50, d)), offset + rng.normal(size=(70, d))
    distances, index = nearest_rows(queries, reference, 3)
    np.testing.assert_allclose(distances, brute(queries, reference, 3), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(queries - reference[index[:, 0]], axis=1), distances[:, 0], rtol=1e-12)


@pytest.mark.parametrize("d", [2, 20])
def test_a_reference_row_is_not_its_own_neighbour(d: int) -> None:
    rows = np.random.default_rng(0).normal(size=(40, d))
    own = np.arange(5, 25)
    distances, index = nearest_rows(rows[own], rows, 2, own=own)
    np.testing.assert_allclose(distances, brute(rows[own], rows, 2, own), rtol=1e-9)
    assert (index != own[:, None]).all()
    assert (nearest_rows(rows[own], rows, 1)[0] == 0).all(), "without `own` it is"


@pytest.mark.parametrize("d", [2, 20])
def test_equal_rows_are_at_distance_zero_exactly(d: int) -> None:
    rows = 1e3 + np.random.default_rng(1).normal(size=(30, d))
    twice = np.concatenate([rows, rows])
    assert (nearest_rows(rows, twice, 2)[0] == 0.0).all()
    distances, index = nearest_rows(twice, twice, 1, own=np.arange(60))
    assert (distances == 0.0).all()
    assert (index[:, 0] == (np.arange(60) + 30) % 60).all()


@pytest.mark.parametrize("d", [2, 20])
def test_all_equal_rows_have_other_neighbours(d: int) -> None:
    own = np.arange(40)
    distances, index = nearest_rows(np.ones((40, d)), np.ones((40, d)), 2, own=own)
    assert (distances == 0.0).all()
    assert (index != own[:, None]).all()


def test_distances_from_the_support_are_relative_to_the_spacing() -> None:
    rng = np.random.default_rng(2)
    tight, wide = rng.normal(size=(300, 2)), 100.0 + 10.0 * rng.normal(size=(300, 2))
    support = fit_support(np.concatenate([tight, wide]), rng=rng)
    fresh = rng.normal(size=(1000, 2))
    near_tight, near_wide = support.distances(fresh), support.distances(100.0 + 10.0 * fresh)
    assert np.median(near_wide) == pytest.approx(np.median(near_tight), rel=0.15)
    assert np.median(brute(100.0 + 10.0 * fresh, wide, 1)) > 5 * np.median(brute(fresh, tight, 1))


def test_about_one_fresh_row_in_twenty_is_off_the_support() -> None:
    rng = np.random.default_rng(3)
    shares = [fit_support(rng.normal(size=(400, 5)), rng=rng).share_off(rng.normal(size=(400, 5))) for _ in range(10)]
    # Threshold and share both vary with sd about .011 each: ten of them have a standard error of .005.
    assert np.mean(shares) == pytest.approx(0.05, abs=0.02)


def test_repeated_rows_leave_a_finite_spacing() -> None:
    rng = np.random.default_rng(4)
    support = fit_support(np.eye(4)[rng.integers(4, size=60)], rng=rng)
    assert support.threshold == 0.0
    assert np.isfinite(support.distances(rng.normal(size=(20, 4)))).all()
    assert support.share_off(np.eye(4)) == 0.0
