"""Uniformity and closeness by collisions: exact null laws, the optimal sizes, unbiasedness, and wrong rules."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import ConfigError
from gandiag.numerics.collision_tests import (
    closeness_draws,
    closeness_statistic,
    equal_pairs,
    hidden_value,
    loose_uniformity_draws,
    squared_distance,
    uniform_pairs,
    uniformity_draws,
    uniformity_draws_l2,
    uniformity_resolution,
    uniformity_separation,
)

Vector = NDArray[np.float64]


def paninski(domain: int, far: float, rng: np.random.Generator) -> Vector:
    signs = rng.choice([-1.0, 1.0], size=domain // 2)
    out: Vector = (1.0 + 2.0 * far * np.column_stack([signs, -signs]).ravel()) / domain
    return out


def pairs_of(law: Vector, draws: int, repetitions: int, rng: np.random.Generator) -> Vector:
    return equal_pairs(rng.multinomial(draws, law, size=repetitions).T.astype(float))


# -- the null law of the count


@pytest.mark.parametrize(("draws", "domain"), [(30, 12), (12, 30)], ids=["by counts", "by sorting"])
def test_the_null_count_has_its_exact_mean_and_variance(draws: int, domain: int) -> None:
    """Mean C/N and variance C (1/N)(1 - 1/N): pairs of uniform draws are pairwise independent. 20 000 repetitions."""
    found = uniform_pairs(draws, domain, 20_000, np.random.default_rng(0))
    pairs = math.comb(draws, 2)
    variance = pairs / domain * (1 - 1 / domain)
    assert abs(found.mean() - pairs / domain) < 4 * math.sqrt(variance / 20_000)
    # The relative standard error of a variance is sqrt((kurtosis - 1)/20 000), about 1.5 %.
    assert found.var() == pytest.approx(variance, rel=0.06)
    assert found.mean() != pytest.approx(draws**2 / 2 / domain, rel=0.02)  # pairs with replacement


def test_both_routes_of_the_null_count_draw_one_law() -> None:
    rng = np.random.default_rng(1)
    by_sorting = uniform_pairs(8, 9, 40_000, rng)
    by_counts = pairs_of(np.full(9, 1 / 9), 8, 40_000, rng)
    top = int(max(by_sorting.max(), by_counts.max())) + 1
    a, b = (np.bincount(x.astype(int), minlength=top)[:12] / 40_000 for x in (by_sorting, by_counts))
    assert np.abs(a - b).max() < 5 * math.sqrt(2 * 0.25 / 40_000)


# -- rows 26 and 27: mean and spread of the estimate of c2


@pytest.mark.row(26, 27)
@pytest.mark.parametrize(
    ("law", "c2", "sd"),
    [
        (np.full(1000, 0.001), 0.001, 0.000224056),
        (1 / np.arange(1, 1001) / (1 / np.arange(1, 1001)).sum(), 0.0293391, 0.0064291),
    ],
    ids=["uniform", "zipf"],
)
def test_the_collision_probability_is_estimated_with_the_tabled_spread(law: Vector, c2: float, sd: float) -> None:
    """4000 repetitions: standard error of the mean sd/63, of the sd some 2 % (skewed for Zipf's law)."""
    found = pairs_of(law, 200, 4000, np.random.default_rng(2)) / math.comb(200, 2)
    assert abs(found.mean() - c2) < 4 * sd / math.sqrt(4000)
    assert found.std() == pytest.approx(sd, rel=0.08)
    # The plug-in sum of squared shares adds (1 - c2)/m: 0.005 here, many standard errors.
    plug_in = (2 * found * math.comb(200, 2) + 200) / 200**2
    assert abs(plug_in.mean() - c2) > 20 * sd / math.sqrt(4000)


# -- uniformity


@pytest.mark.row(29)
@pytest.mark.parametrize(("domain", "far"), [(10_000, 0.25), (2500, 0.5)])
def test_the_optimal_number_of_draws_leaves_both_errors_small(domain: int, far: float) -> None:
    """Row 29: 5.66 sd apart, errors below 2 % at the midpoint; 400 repetitions, limit 0.02 plus 3 sd = 0.041."""
    m = uniformity_draws(domain, far)
    assert uniformity_separation(domain, m, far) == pytest.approx(4 * math.sqrt(2), rel=2e-3)
    rng = np.random.default_rng(3)
    null = uniform_pairs(m, domain, 400, rng)
    other = np.concatenate([pairs_of(paninski(domain, far, rng), m, 20, rng) for _ in range(20)])
    midpoint = math.comb(m, 2) / domain * (1 + 2 * far**2)
    assert (null >= midpoint).mean() <= 0.041
    assert (other < midpoint).mean() <= 0.041
    separation = (other.mean() - null.mean()) / null.std()
    # Its standard error: that of two means of 400 (0.07 sd each, 0.09 for the wider one) and of the sd (3.5 %).
    assert abs(separation - 5.66) < 4 * math.hypot(0.1, 0.035 * 5.66)
    # A quarter of these draws is no rule: the errors of the midpoint test then sum to more than a third.
    few = m // 4
    middle = math.comb(few, 2) / domain * (1 + 2 * far**2)
    wrong = (uniform_pairs(few, domain, 400, rng) >= middle).mean()
    wrong += (pairs_of(paninski(domain, far, rng), few, 400, rng) < middle).mean()
    assert wrong > 0.3


def test_the_older_number_of_draws_is_more_than_is_needed() -> None:
    assert uniformity_draws(10_000, 0.25) == 3200
    assert loose_uniformity_draws(10_000, 0.25) == 25_600
    assert loose_uniformity_draws(10_000, 0.05) / uniformity_draws(10_000, 0.05) == pytest.approx(1 / 0.005, rel=1e-3)


@pytest.mark.parametrize("domain", [2, 50, 100_000])
def test_an_l2_distance_takes_as_many_draws_at_every_domain(domain: int) -> None:
    """One heavy value on top of the uniform law, ||p - u||_2 = 0.2: both errors are at most 5 % at 400 draws."""
    distance = 0.2
    m = uniformity_draws_l2(distance)
    assert m == 400
    heavy = 1 / domain + distance * math.sqrt((domain - 1) / domain)
    rest = (1 - heavy) / (domain - 1)
    assert math.hypot(heavy - 1 / domain, (rest - 1 / domain) * math.sqrt(domain - 1)) == pytest.approx(distance)
    rng = np.random.default_rng(4)

    def wrong(draws: int) -> tuple[int, int]:
        # The threshold splits the gap as the derivation does: the wider spread is the heavy law's.
        middle = math.comb(draws, 2) * (1 / domain + 0.2 * distance**2)
        ones = rng.binomial(draws, heavy, size=300)
        others = np.array([uniform_pairs(draws - k, domain - 1, 1, rng)[0] for k in ones.tolist()])
        null = uniform_pairs(draws, domain, 300, rng)
        return int((null >= middle).sum()), int((ones * (ones - 1) / 2 + others < middle).sum())

    # 300 repetitions at 5 %: mean 15, binomial limit at 1e-4 is 31.
    assert max(wrong(m)) <= 31
    if domain == 2:
        assert max(wrong(m // 16)) > 31  # one over the squared distance is the order, not the number


def test_the_resolution_inverts_the_separation() -> None:
    for domain, draws in ((100, 50), (10_000, 3200)):
        eps = uniformity_resolution(domain, draws)
        assert uniformity_separation(domain, draws, eps) == pytest.approx(2 * 1.6449, rel=1e-9)


@pytest.mark.row(37)
def test_a_hidden_value_is_not_seen_though_the_divergence_is_infinite() -> None:
    """Row 37: T = 100 draws from 1000 and from 999 values are 0.0952 apart in total variation."""
    from scipy.special import rel_entr

    assert hidden_value(1000, 100) == pytest.approx(0.095208, abs=5e-7)
    assert hidden_value(1000, 100) != pytest.approx(100 / 1000, abs=1e-3)  # the union bound
    full, one_less = np.full(1000, 1e-3), np.append(np.full(999, 1 / 999), 0.0)
    assert rel_entr(full, one_less).sum() == math.inf
    # Exactly, for two draws of three values: the sum over all outcomes.
    outcomes = list(product(range(3), repeat=2))
    tv = 0.5 * sum(abs(1 / 9 - (0 if 2 in o else 1 / 4)) for o in outcomes)
    assert hidden_value(3, 2) == pytest.approx(tv, rel=1e-12)
    assert hidden_value(1, 5) == 1.0


# -- closeness


@pytest.mark.row(36)
def test_the_squared_distance_is_estimated_without_bias() -> None:
    """Row 36: uniform against plus and minus a half on 100 cells, .0025; 4000 repetitions, 4 standard errors."""
    rng = np.random.default_rng(5)
    p, q = np.full(100, 0.01), np.tile([0.015, 0.005], 50)
    assert np.square(p - q).sum() == pytest.approx(0.0025)
    x, y = rng.multinomial(300, p, size=4000).T.astype(float), rng.multinomial(200, q, size=4000).T.astype(float)
    found = squared_distance(x, y, 300, 200)
    error = found.std() / math.sqrt(4000)
    assert error < 0.05 / 4 * 0.0025  # tight enough to see the five percent of the row
    assert abs(found.mean() - 0.0025) < 4 * error
    plug_in = np.square(x / 300 - y / 200).sum(axis=0)  # adds (1 - c2)/n on either side
    assert plug_in.mean() > 0.0025 + 100 * error


def test_the_closeness_statistic_is_centred_for_sides_of_unequal_size() -> None:
    """Poisson counts, equal laws, n = 400 and m = 150: mean 0, and the formula for equal sides is far from it."""
    rng = np.random.default_rng(6)
    law = 1 / np.arange(1, 201)
    law /= law.sum()
    x, y = rng.poisson(400 * law[:, None], size=(200, 3000)), rng.poisson(150 * law[:, None], size=(200, 3000))
    found = closeness_statistic(x.astype(float), y.astype(float), 400, 150)
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(3000)
    equal = (((x - y) ** 2.0 - x - y) / np.maximum(x + y, 1)).sum(axis=0)
    assert abs(equal.mean()) > 20 * equal.std() / math.sqrt(3000)


def test_the_closeness_statistic_is_that_of_the_paper_for_equal_sides() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.poisson(2.0, size=(2, 50, 4)).astype(float)
    expected = (((x - y) ** 2 - x - y) / np.where(x + y > 0, x + y, 1)).sum(axis=0)
    np.testing.assert_allclose(closeness_statistic(x, y, 100, 100), expected, rtol=1e-12)


def test_weighing_by_the_count_finds_what_the_l2_distance_drowns() -> None:
    """Half the mass on one value, the rest on 2000 of which fake holds half: power at the null's own 5 % point."""
    rng = np.random.default_rng(8)
    p = np.append(0.5, np.full(2000, 0.5 / 2000))
    q = np.append(0.5, np.tile([1.0 / 2000, 0.0], 1000))
    n = 1000
    x, y, z = (rng.multinomial(n, law, size=400).T.astype(float) for law in (p, q, p))
    power = {}
    for name, statistic in (("weighed", closeness_statistic), ("plain", squared_distance)):
        limit = np.quantile(statistic(x, z, n, n), 0.95)
        power[name] = float((statistic(x, y, n, n) > limit).mean())
    assert power["weighed"] > 0.9
    assert power["plain"] < 0.4


def test_the_order_of_the_draws_for_closeness() -> None:
    assert closeness_draws(10**6, 0.5) == pytest.approx(10**4 / 0.5 ** (4 / 3), rel=1e-3)
    assert closeness_draws(100, 0.01) == pytest.approx(10 / 1e-4, rel=1e-3)


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(ConfigError, match="a domain has at least one value; got 0"):
        uniformity_draws(0, 0.1)
    with pytest.raises(ConfigError, match="a distance between laws lies in"):
        uniformity_draws(10, 0.0)
