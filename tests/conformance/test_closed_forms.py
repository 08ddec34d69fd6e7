"""Against closed forms and enumeration, where no peer is needed: Gaussians, collisions, certified moments."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from agreement import agrees
from numpy.typing import NDArray
from scipy import stats

from gandiag.numerics.collision_tests import closeness_statistic, equal_pairs, hidden_value, squared_distance
from gandiag.numerics.counts import collision_moment, collision_variance
from gandiag.numerics.frechet_distance import distance_of_covariances, frechet_distance
from gandiag.numerics.moments import Moments

Matrix = NDArray[np.float64]


def rotation(d: int, seed: int) -> Matrix:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0])


@pytest.mark.differential("D01")
@pytest.mark.parametrize("turned", [False, True])
def test_commuting_gaussians(turned: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.1, 9.0, size=(2, 10))
    gap = rng.normal(size=10)
    q = rotation(10, 1) if turned else np.eye(10)
    found = distance_of_covariances(q @ gap, (q * a) @ q.T, np.zeros(10), (q * b) @ q.T).distance
    agrees(found, np.square(gap).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum(), rel=1e-12)


@pytest.mark.differential("D01")
@pytest.mark.parametrize(("n", "d"), [(40, 6), (5, 12)])
def test_a_shifted_and_stretched_copy(n: int, d: int) -> None:
    """``|shift|^2 + (1 - c)^2 tr S`` about the mean, whatever the rows."""
    rng = np.random.default_rng(2)
    real, shift = rng.standard_t(3, size=(n, d)), rng.normal(size=d)
    mean = real.mean(axis=0)
    fake = mean + 1.7 * (rng.permutation(real) - mean) + shift
    expected = np.square(shift).sum() + 0.7**2 * np.square(real - mean).sum() / (n - 1)
    agrees(frechet_distance(real, fake), expected, rel=1e-11)


LAWS = [np.full(8, 1 / 8), np.array([0.5, 0.3, 0.2]), np.array([0.05, 0.15, 0.3, 0.5])]


def outcomes(law: Matrix, draws: int) -> tuple[Matrix, Matrix]:
    """All counts, shape (k, outcomes), and their chances."""
    k = len(law)
    found = [np.bincount(o, minlength=k) for o in product(range(k), repeat=draws)]
    chances = [math.prod(law[list(o)]) for o in product(range(k), repeat=draws)]
    return np.array(found, dtype=float).T, np.array(chances)


@pytest.mark.differential("D20")
@pytest.mark.parametrize("law", LAWS, ids=len)
def test_collisions_over_all_outcomes(law: Matrix) -> None:
    counts, chances = outcomes(law, 4)
    pairs = equal_pairs(counts)
    c2, c3 = float((law**2).sum()), float((law**3).sum())
    agrees(chances @ pairs, math.comb(4, 2) * c2, rel=1e-12)
    moments = np.array([collision_moment(column.astype(int)) for column in counts.T])
    agrees(chances @ moments, c2, rel=1e-12)
    agrees(chances @ np.square(moments - c2), collision_variance(c2, c3, 4), rel=1e-12)
    if len(law) == 8:  # the birthday problem: four draws without a repeat
        agrees(chances[pairs == 0].sum(), 8 * 7 * 6 * 5 / 8**4, rel=1e-12)


@pytest.mark.differential("D20")
@pytest.mark.parametrize("k", [3, 8])
def test_two_samples_over_all_outcomes(k: int) -> None:
    p = np.arange(1.0, k + 1) / (k * (k + 1) / 2)
    q = p[::-1].copy()
    (x, px), (y, py) = outcomes(p, 3), outcomes(q, 2)
    i, j = np.divmod(np.arange(x.shape[1] * y.shape[1]), y.shape[1])
    agrees((px[i] * py[j]) @ squared_distance(x[:, i], y[:, j], 3, 2), np.square(p - q).sum(), rel=1e-11)


@pytest.mark.differential("D20")
@pytest.mark.parametrize(("domain", "draws"), [(4, 3), (8, 4), (6, 2)])
def test_a_hidden_value_over_all_outcomes(domain: int, draws: int) -> None:
    _, full = outcomes(np.full(domain, 1 / domain), draws)
    one_less = np.append(np.full(domain - 1, 1 / (domain - 1)), 0.0)
    _, hidden = outcomes(one_less, draws)
    agrees(hidden_value(domain, draws), np.abs(full - hidden).sum() / 2, rel=1e-12)


@pytest.mark.differential("D20")
def test_pairs_of_a_large_domain_by_simulation() -> None:
    """1000 values, 50 draws: 1.225 pairs in the mean, and some with chance 0.706; four standard errors of 20 000."""
    rng = np.random.default_rng(5)
    draws = rng.integers(1000, size=(20_000, 50))
    places = draws + 1000 * np.arange(20_000)[:, None]
    pairs = equal_pairs(np.bincount(places.ravel(), minlength=20_000_000).reshape(20_000, 1000).T.astype(float))
    none = float(np.prod(1 - np.arange(50) / 1000))
    assert abs(pairs.mean() - 1.225) < 4 * pairs.std() / math.sqrt(20_000)
    assert abs((pairs > 0).mean() - (1 - none)) < 4 * math.sqrt(none * (1 - none) / 20_000)
    planted = 50**2 / 2 / 1000  # each draw counted with itself
    assert abs(pairs.mean() - planted) > 2 * pairs.std() / math.sqrt(20_000)


@pytest.mark.differential("D20")
def test_the_closeness_statistic_has_mean_zero_under_equal_poisson_laws() -> None:
    """Summed over all counts of one cell, weighted by their chances; the tail that is left out is below 1e-15."""
    x, y = (np.arange(40.0) for _ in range(2))
    weights = np.outer(stats.poisson(3.0).pmf(x), stats.poisson(3.0).pmf(y))
    grid = np.meshgrid(x, y, indexing="ij")
    values = closeness_statistic(grid[0].reshape(1, -1), grid[1].reshape(1, -1), 100, 100)
    assert abs(weights.ravel() @ values) < 1e-12
    planted = closeness_statistic(1.01 * grid[0].reshape(1, -1), grid[1].reshape(1, -1), 100, 100)
    assert abs(weights.ravel() @ planted) > 1e-3


def numacc(which: int) -> Matrix:
    """The series of the Statistical Reference Datasets: known means, standard deviations of 1 and 0.1."""
    if which == 1:
        return np.array([10000001.0, 10000003.0, 10000002.0])
    start, low = {2: (1.2, 1.1), 3: (1000000.2, 1000000.1), 4: (10000000.2, 10000000.1)}[which]
    return np.array([start, *[low, low + 0.2] * 500])


def correct_digits(found: float, certified: float) -> float:
    return 15.0 if found == certified else min(15.0, -math.log10(abs(found - certified) / certified))


def certified(which: int) -> tuple[float, float]:
    return {1: (10000002.0, 1.0), 2: (1.2, 0.1), 3: (1000000.2, 0.1), 4: (10000000.2, 0.1)}[which]


def raw_moments(rows: Matrix) -> tuple[float, float]:
    n = len(rows)
    return float(rows.mean()), math.sqrt(max(1e-300, (np.square(rows).sum() - n * rows.mean() ** 2) / (n - 1)))


@pytest.mark.differential("D22")
@pytest.mark.parametrize("batch", [1, 7, 100, 1001])
@pytest.mark.parametrize(("which", "digits"), [(1, 14), (2, 14), (3, 9), (4, 8)])
def test_certified_moments_for_every_chunking(which: int, digits: int, batch: int) -> None:
    rows = numacc(which)
    state = Moments.empty(1)
    for start in range(0, len(rows), batch):
        state = state.update(rows[start : start + batch, None])
    mean, covariance = state.finalise()
    sd = certified(which)[1]
    assert correct_digits(float(mean[0]), certified(which)[0]) >= 14
    assert correct_digits(math.sqrt(covariance[0, 0]), sd) >= digits
    assert correct_digits(1.01 * math.sqrt(covariance[0, 0]), sd) < 3
    if which > 2:  # sums of squares, as most streams keep them
        assert correct_digits(raw_moments(rows)[1], sd) < digits - 3
