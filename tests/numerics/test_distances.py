"""Distances: agreement with differences taken one by one, on data where the plain expansion fails."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.distances import (
    crossed_distances,
    distance_tiles,
    exact_distances,
    off_diagonal,
    pooled_distances,
    pooled_l1_distances,
    positive_quantile,
    squared_distances,
)

Matrix = NDArray[np.float64]


def by_differences(a: Matrix, b: Matrix) -> Matrix:
    return np.sqrt(np.square(a[:, None, :] - b[None, :, :]).sum(axis=2))


def uncentred(a: Matrix, b: Matrix) -> Matrix:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squares, 0.0))


def close(found: Matrix, expected: Matrix) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * expected.max())


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_an_offset_costs_no_digits(offset: float) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 5)) + offset
    expected = by_differences(rows, rows)
    close(pooled_distances(rows), expected)
    close(exact_distances(rows, rows), expected)
    off = ~np.eye(40, dtype=bool)
    close(np.sqrt(squared_distances(rows, rows))[off], expected[off])


def test_the_uncentred_expansion_would_be_caught() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 5)) + 1e6
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        close(uncentred(rows, rows), by_differences(rows, rows))


def test_tiles_cover_all_pairs_once() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(11, 3)), rng.normal(size=(7, 3))
    out = np.full((11, 7), -1.0)
    for i, j, tile in distance_tiles(a, b, tile=4):
        assert (out[i : i + len(tile), j : j + tile.shape[1]] == -1.0).all()
        out[i : i + len(tile), j : j + tile.shape[1]] = tile
    close(np.sqrt(out), by_differences(a, b))


def test_equal_rows_are_at_distance_zero_and_have_equal_rows_of_distances() -> None:
    rows = np.repeat(np.random.default_rng(2).normal(size=(9, 64)) + 1e3, 3, axis=0)
    for found in (pooled_distances(rows), pooled_l1_distances(rows), exact_distances(rows, rows)):
        assert (found[0, :3] == 0.0).all()
        assert (np.diag(found) == 0.0).all()
        np.testing.assert_array_equal(found, found.T)
        np.testing.assert_array_equal(found[0], found[1])


def test_close_rows_are_measured_again_by_differences() -> None:
    rows = np.random.default_rng(3).normal(size=(20, 8))
    rows[1] = rows[0] + 1e-9
    assert pooled_distances(rows)[0, 1] == pytest.approx(1e-9 * np.sqrt(8), rel=1e-6)
    assert uncentred(rows, rows)[0, 1] != pytest.approx(1e-9 * np.sqrt(8), rel=1e-2)


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e8, 1e200])
def test_any_scale_gives_the_scaled_distances(scale: float) -> None:
    rows = np.random.default_rng(4).normal(size=(15, 3))
    for measure in (pooled_distances, pooled_l1_distances):
        np.testing.assert_allclose(measure(rows * scale), measure(rows) * scale, rtol=1e-12)


def test_rows_that_are_all_equal_are_at_distance_zero() -> None:
    assert not pooled_distances(np.full((5, 2), 3.3)).any()
    assert not pooled_l1_distances(np.full((5, 2), 3.3)).any()
    assert pooled_distances(np.ones((1, 2))).shape == (1, 1)


def test_l1_distances_add_absolute_differences() -> None:
    rows = np.random.default_rng(5).normal(size=(12, 4))
    np.testing.assert_allclose(pooled_l1_distances(rows), np.abs(rows[:, None] - rows[None]).sum(axis=2), rtol=1e-12)


def test_a_zero_median_moves_to_the_next_positive_quantile() -> None:
    values = np.array([0.0] * 60 + [1.0] * 30 + [2.0] * 10)
    value, level = positive_quantile(values, 0.5)
    assert value > 0.0
    assert level == pytest.approx(0.6)
    assert positive_quantile(np.arange(101.0), 0.5) == (50.0, 0.5)
    assert positive_quantile(np.zeros(10), 0.5) == (0.0, 1.0)
    assert positive_quantile(np.array([0.0] * 99 + [5.0]), 1.0) == (5.0, 1.0)


def test_off_diagonal_takes_each_pair_once() -> None:
    assert off_diagonal(np.arange(9.0).reshape(3, 3)).tolist() == [1.0, 2.0, 5.0]


def near_and_far(rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Two sets far from the origin, with equal rows, close rows, and rows a million times farther apart."""
    a, b = rng.normal(size=(700, 40)) + 1e4, rng.normal(size=(600, 40)) + 1e4
    b[:5] = a[:5]
    b[5:9] = a[5:9] + 1e-6
    b[9] += 1e6
    return a, b


@pytest.mark.parametrize("scale", [1.0, 2.0**-660, 2.0**660])
def test_products_of_two_sets_keep_nine_digits(scale: float) -> None:
    a, b = near_and_far(np.random.default_rng(6))
    expected = by_differences(a, b)
    found = crossed_distances(scale * a, scale * b) / scale
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=0.0)
    assert (found[np.arange(5), np.arange(5)] == 0.0).all()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(uncentred(a, b), expected, rtol=1e-8, atol=0.0)


def test_clusters_of_close_rows_are_measured_by_differences() -> None:
    a, b = near_and_far(np.random.default_rng(7))
    a[:300], b[:300] = a[0] + 1e-5 * a[:300], a[0] + 1e-5 * b[:300]
    np.testing.assert_allclose(crossed_distances(a, b), by_differences(a, b), rtol=1e-8, atol=0.0)
