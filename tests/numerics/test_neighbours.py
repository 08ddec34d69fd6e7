"""k-NN radii and direct ball counts against brute force, with offsets, duplicates and ties."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.neighbours import ball_counts, knn_radii, local_tiles

Matrix = NDArray[np.float64]


def offset_with_duplicates(seed: int, n: int = 400, d: int = 5) -> Matrix:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d))
    points[: n // 4] = points[n // 4 : n // 2]
    return points + 1e6


def counted_by_loops(centres: Matrix, radii: Matrix, points: Matrix, ties: str) -> tuple[list[int], list[int]]:
    per_centre, per_point = [0] * len(centres), [0] * len(points)
    for i, centre in enumerate(centres):
        for j, point in enumerate(points):
            distance = float(np.sqrt(np.square(centre - point).sum()))
            if distance < radii[i] or (ties == "closed" and distance == radii[i]):
                per_centre[i] += 1
                per_point[j] += 1
    return per_centre, per_point


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
    with pytest.raises(AssertionError):
        check_radii(np.sort(naive, axis=1)[:, 2], points, 2)


def test_a_radius_is_exactly_zero_where_rows_repeat() -> None:
    points = np.repeat(np.random.default_rng(1).normal(size=(10, 3)) + 1e6, 3, axis=0)
    assert (knn_radii(points, 2) == 0).all()
    assert (knn_radii(points, 3) > 0).all()


@pytest.mark.parametrize("ties", ["closed", "open"])
@pytest.mark.parametrize("lattice", [True, False])
def test_ball_counts_equal_a_double_loop(ties: str, lattice: bool) -> None:
    rng = np.random.default_rng(2)
    draw = (lambda *s: rng.integers(0, 4, s).astype(float)) if lattice else (lambda *s: rng.normal(size=s))
    for _ in range(10):
        centres, points = draw(25, 2), draw(30, 2)
        radii = knn_radii(centres, 3)
        found = ball_counts(centres, radii, points, ties)  # type: ignore[arg-type]
        expected = counted_by_loops(centres, radii, points, ties)
        assert found[0].tolist() == expected[0]
        assert found[1].tolist() == expected[1]


def test_closed_and_open_balls_differ_on_a_lattice() -> None:
    centres = np.arange(6.0)[:, None]
    radii = knn_radii(centres, 1)
    assert ball_counts(centres, radii, centres + 1.0)[0].sum() == 1 + 2 + 4 * 3  # itself and both sides
    assert ball_counts(centres, radii, centres + 1.0, "open")[0].sum() == 5


def test_ball_counts_survive_a_far_offset_and_many_tiles() -> None:
    rng = np.random.default_rng(3)
    centres, points = rng.integers(0, 30, (600, 2)).astype(float), rng.integers(0, 30, (500, 2)).astype(float)
    radii = knn_radii(centres, 4)
    near = ball_counts(centres, radii, points)
    far = ball_counts(centres + 1e7, knn_radii(centres + 1e7, 4), points + 1e7)
    np.testing.assert_array_equal(near[0], far[0])
    np.testing.assert_array_equal(near[1], far[1])


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
