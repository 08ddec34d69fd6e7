from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from gandiag.numerics.grouping import group_means, natural_clusters

Matrix = NDArray[np.float64]


def ring8(rng: np.random.Generator, n: int) -> tuple[Matrix, NDArray[np.int64]]:
    k = rng.integers(8, size=n)
    angles = 2 * np.pi * k / 8
    return np.column_stack([np.cos(angles), np.sin(angles)]) + 0.02 * rng.normal(size=(n, 2)), k


def grid25(rng: np.random.Generator, n: int) -> tuple[Matrix, NDArray[np.int64]]:
    k = rng.integers(25, size=n)
    return np.column_stack([k // 5, k % 5]) * 2.0 - 4.0 + 0.05 * rng.normal(size=(n, 2)), k


def same_partition(a: NDArray[np.int64], b: NDArray[np.int64]) -> bool:
    pairs = len(np.unique(np.stack([a, b]), axis=1).T)
    return pairs == len(np.unique(a)) == len(np.unique(b))


@pytest.mark.parametrize("draw", [ring8, grid25])
@pytest.mark.parametrize("seed", range(4))
def test_separated_modes_are_found_exactly(draw: Callable[..., tuple[Matrix, NDArray[np.int64]]], seed: int) -> None:
    rows, truth = draw(np.random.default_rng(seed), 800)
    found, silhouette, natural = natural_clusters(rows, np.random.default_rng(seed))
    assert natural
    assert same_partition(found, truth)
    assert silhouette == pytest.approx(silhouette_score(rows, truth), abs=1e-9)


def heavy_tails(rng: np.random.Generator) -> Matrix:
    return rng.standard_t(3, size=(600, 5))


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(size=(600, 1)),
        lambda rng: rng.normal(size=(600, 2)),
        lambda rng: rng.normal(size=(600, 64)),
        lambda rng: rng.uniform(size=(600, 2)),
        lambda rng: rng.normal(size=(600, 2)) * [5.0, 1.0],
        lambda rng: np.exp(rng.normal(size=(600, 2))),
        heavy_tails,
    ],
)
def test_one_lump_has_no_natural_clusters(draw: Callable[[np.random.Generator], Matrix]) -> None:
    found, _, natural = natural_clusters(draw(np.random.default_rng(6)), np.random.default_rng(7))
    assert not natural
    assert 2 <= found.max() + 1 <= 10  # l / 60


def test_two_lumps_have() -> None:
    rng = np.random.default_rng(8)
    side = rng.integers(2, size=400)
    found, _, natural = natural_clusters(rng.normal(size=(400, 2)) + 6.0 * side[:, None], rng)
    assert natural
    assert np.mean(found == side) in (pytest.approx(1.0, abs=0.02), pytest.approx(0.0, abs=0.02))


@pytest.mark.parametrize("rows", [np.zeros((1, 2)), np.zeros((2, 2)), np.ones((50, 3)), np.arange(6.0)[:, None]])
def test_few_or_equal_rows_are_grouped_without_complaint(rows: Matrix) -> None:
    found, _, natural = natural_clusters(rows, np.random.default_rng(0))
    assert not natural
    assert set(found.tolist()) == set(range(int(found.max()) + 1))


def test_group_means_average_each_group() -> None:
    means = group_means(np.array([[1.0], [3.0], [8.0]]), np.array([0, 0, 2]), 3)
    np.testing.assert_array_equal(means, [[2.0], [0.0], [8.0]])


def with_a_rare_one(rng: np.random.Generator, d: int, apart: float) -> tuple[Matrix, NDArray[np.int64]]:
    """Draw from nine normal modes, all as far from each other's neighbours; the first holds 2 %."""
    truth = rng.choice(9, size=833, p=[0.02] + [0.98 / 8] * 8)
    if d == 2:
        radius, angles = apart / (2 * np.sin(np.pi / 9)), 2 * np.pi * truth / 9
        centres = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    else:
        centres = apart / np.sqrt(2.0) * np.eye(d)[truth]
    return centres + rng.normal(size=(833, d)), truth


@pytest.mark.parametrize(("d", "apart"), [(2, 8.0), (10, 10.0), (50, 15.0)])
def test_a_rare_mode_that_lies_apart_is_found(d: int, apart: float) -> None:
    for seed in range(3):
        rows, truth = with_a_rare_one(np.random.default_rng(seed), d, apart)
        found, _, natural = natural_clusters(rows, np.random.default_rng(seed))
        assert natural
        own = np.bincount(found[truth == 0]).argmax()
        assert np.mean(truth[found == own] == 0) > 0.9
        assert np.mean(found[truth == 0] == own) > 0.9


@pytest.mark.parametrize(
    "noise",
    [
        lambda rng, d: rng.normal(size=(833, d)),
        lambda rng, d: rng.standard_t(3, size=(833, d)),
        lambda rng, d: rng.exponential(size=(833, d)) * 2.0,
    ],
)
@pytest.mark.parametrize("d", [2, 64])
def test_the_tails_of_a_mode_are_no_rare_modes(noise: Callable[[np.random.Generator, int], Matrix], d: int) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(2, size=833)
    found, _, natural = natural_clusters(noise(rng, d) + 30.0 * np.eye(d)[truth], rng)
    assert natural
    assert found.max() + 1 == 2
