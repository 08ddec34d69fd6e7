"""Nearest-neighbour test: exact mean, level with and without ties, power, and wrong variants that must be seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import PermutationNull, permutation_null
from gandiag.metrics.knn_test import expected_share, measure

Matrix = NDArray[np.float64]


def null_of(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99, k: int = 5) -> PermutationNull:
    comparison = Comparison(real=real, fake=fake, fit=real)
    null = measure(comparison, rng=np.random.default_rng(seed), k=k).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed))


@pytest.mark.row(21)
@pytest.mark.parametrize("tied", [False, True])
def test_the_mean_under_equal_laws_is_exact_by_permutation(tied: bool) -> None:
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(50, 2))
    pool = pool.round() if tied else pool
    null = null_of(pool[:20], pool[20:], draws=4000)
    error = null.estimates.std() / np.sqrt(len(null.estimates))
    assert abs(null.estimates.mean() - expected_share(20, 30)) < 4 * error
    # The share as if a row could be its own neighbour is another number.
    assert abs(null.estimates.mean() - (20**2 + 30**2) / 50**2) > 4 * error


def test_all_labellings_of_six_rows_have_exactly_that_mean() -> None:
    rng = np.random.default_rng(1)
    pool = rng.normal(size=(6, 2))
    null = null_of(pool[:2], pool[2:], draws=999, k=2)
    assert null.exact
    assert null.estimates.mean() == pytest.approx(expected_share(2, 4), rel=1e-12)


def test_separate_sides_have_only_their_own_for_neighbours() -> None:
    rng = np.random.default_rng(2)
    result = measure(
        Comparison(real=rng.normal(size=(20, 2)), fake=rng.normal(size=(15, 2)) + 90.0, fit=np.zeros((1, 2))), rng=rng
    )
    assert result.estimate == 1.0
    assert result.details["same_real"] == result.details["same_fake"] == 1.0


def test_shares_of_the_sides_average_to_the_estimate_and_collapse_shows_on_the_fake_side() -> None:
    rng = np.random.default_rng(3)
    fake = np.repeat(rng.normal(size=(20, 2)), 4, axis=0)
    result = measure(Comparison(real=rng.normal(size=(80, 2)), fake=fake, fit=np.zeros((1, 2))), rng=rng)
    same, labels = result.arrays["same_side"], result.arrays["labels"]
    assert same.mean() == pytest.approx(result.estimate, rel=1e-12)
    assert same[labels].mean() == pytest.approx(result.details["same_real"], rel=1e-12)
    assert result.details["same_fake"] > result.details["same_real"]


def level(reps: int, tied: bool) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        sides = [rng.poisson(1.0, size=(rows, 2)) + 0.0 if tied else rng.normal(size=(rows, 2)) for rows in (25, 15)]
        count += null_of(*sides, seed=seed).p_value <= 0.05
    return count


@pytest.mark.parametrize("tied", [False, True])
def test_the_test_holds_its_level(tied: bool) -> None:
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 300, 0.05)
    found = level(300, tied)
    assert (0 if tied else low) <= found <= high


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_the_test_holds_its_level_over_many_repetitions(tied: bool) -> None:
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 2000, 0.05)
    found = level(2000, tied)
    assert (0 if tied else low) <= found <= high


def test_taking_tied_neighbours_by_their_place_in_the_pool_would_lose_the_level() -> None:
    """Real rows come first: equal rows then have real ones for neighbours, and real rows always agree."""
    rejected = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pool, labels = rng.integers(0, 2, size=(60, 1)), np.arange(60) < 20
        apart = (pool != pool.T).astype(float) + np.eye(60) * 9
        near = np.argsort(apart, axis=1, kind="stable")[:, :5]

        def share(given: NDArray[np.bool_], table: NDArray[np.int64] = near) -> float:
            return float((given[table] == given[:, None]).mean())

        null = [share(rng.permutation(labels)) for _ in range(99)]
        # Far too low here, and as far too high where fake rows come first: neither is a test.
        rank = (1 + sum(value >= share(labels) for value in null)) / 100
        rejected += min(rank, 1.01 - rank) <= 0.025
    assert rejected > binom.ppf(1 - 1e-4, 60, 0.05)


def test_it_sees_a_hole_and_copies() -> None:
    rng = np.random.default_rng(4)
    hole = rng.normal(size=(400, 2))
    hole = hole[np.linalg.norm(hole, axis=1) > 1.0][:200]
    assert null_of(rng.normal(size=(200, 2)), hole, draws=199).p_value == 1 / 200
    copies = np.repeat(rng.normal(size=(100, 2)), 2, axis=0)
    assert null_of(rng.normal(size=(200, 2)), copies, draws=199).p_value == 1 / 200


def test_equal_rows_give_p_one_and_few_rows_use_all_others() -> None:
    rows = np.ones((10, 2))
    assert null_of(rows, rows[:4]).p_value == 1.0
    result = measure(Comparison(real=rows[:2], fake=rows[:2], fit=rows), rng=np.random.default_rng(0))
    assert result.details["k"] == 3


def test_k_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="`k` must be at least 1"):
        null_of(np.zeros((4, 1)), np.ones((4, 1)), k=0)
