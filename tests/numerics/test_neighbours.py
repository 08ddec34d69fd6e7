"""k-NN radii against brute force, with offsets and duplicates."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.neighbours import knn_radii, local_tiles

Matrix = NDArray[np.float64]


def offset_with_duplicates(seed: int, n: int = 400, d: int = 5) -> Matrix:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d))
    points[: n // 4] = points[n // 4 : n // 2]
    return points + 1e6


def check_radii(radii: Matrix, points: Matrix, k: int) -> None:
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(points)
    expected = model.kneighbors(points)[0][:, k]
    np.testing.assert_allclose(radii, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_radii_agree_with_scikit_learn_far_from_the_origin_and_on_duplicates(k: int) -> None:
    points = offset_with_duplicates(0)
    check_radii(knn_radii(points, k), points, k)


def test_the_check_of_radii_rejects_uncentred_expansions() -> None:
    points = offset_with_duplicates(0)
    squares = np.square(points).sum(axis=1)
    naive = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * points @ points.T, 0))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_radii(np.sort(naive, axis=1)[:, 2], points, 2)


def test_a_radius_is_exactly_zero_where_rows_repeat() -> None:
    points = np.repeat(np.random.default_rng(1).normal(size=(10, 3)) + 1e6, 3, axis=0)
    assert (knn_radii(points, 2) == 0).all()
    assert (knn_radii(points, 3) > 0).all()


def test_the_stated_rounding_error_bounds_the_true_one() -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(300, 2000)) * 10.0 ** rng.uniform(-3, 3, size=2000)
    for start, tile, error in local_tiles(points, points):
        exact = np.square(points[start : start + len(tile), None, :50] - points[None, :20, :50]).sum(axis=2)
        rest = np.square(points[start : start + len(tile), None, 50:] - points[None, :20, 50:]).sum(axis=2)
        assert (np.abs(tile[:, :20] - exact - rest) <= error[:, :20]).all()


def test_too_few_rows_for_k_are_refused() -> None:
    with pytest.raises(TooFewSamplesError, match="more than 5 rows; got 5"):
        knn_radii(np.zeros((5, 1)), 5)
    with pytest.raises(ConfigError, match="`k` must be at least 1; got 0"):
        knn_radii(np.zeros((5, 1)), 0)
