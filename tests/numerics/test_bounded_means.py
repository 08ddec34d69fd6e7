"""Bounds on means of bounded terms: the published formulas, coverage at every confidence, and the far tails."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.binomial import clopper_pearson
from gandiag.numerics.bounded_means import (
    bernstein_lower_bound,
    bounded_mean_interval,
    empirical_bernstein_lower,
    gaffke_bounds,
    rare_mean,
)


def test_empirical_bernstein_bound_holds_where_the_sample_shows_no_spread():
    # Rare zeros: most samples are all ones, so the variance term alone would claim a mean of 1.
    rng = np.random.default_rng(0)
    samples = (rng.random((4000, 20)) < 0.98).astype(float)
    misses = sum(empirical_bernstein_lower(row, 0.0, 1.0) > 0.98 for row in samples)
    assert misses <= stats.binom.ppf(1 - 1e-4, 4000, 0.05)
    log_term = math.log(2 / 0.05)
    no_range = [row.mean() - math.sqrt(2 * row.var(ddof=1) * log_term / 20) for row in samples]
    assert np.sum(np.array(no_range) > 0.98) > stats.binom.ppf(1 - 1e-4, 4000, 0.05)


def test_empirical_bernstein_bound_is_the_published_formula():
    values = np.array([0.2, 0.4, 0.9, 0.7] * 100)
    log_term = math.log(2 / 0.1)
    expected = values.mean() - math.sqrt(2 * values.var(ddof=1) * log_term / 400) - 7 * 2.0 * log_term / (3 * 399)
    assert empirical_bernstein_lower(values, -1.0, 1.0, level=0.9) == pytest.approx(expected, abs=1e-12)
    assert empirical_bernstein_lower(values[:4], 0.0, 1.0) == 0.0


def test_the_bernstein_bound_falls_as_the_confidence_rises():
    values = np.random.default_rng(1).random(50)
    bound = bernstein_lower_bound(values, 0.0, 1.0)
    found = [bound(level) for level in (1e-12, 0.5, 0.9, 0.95, 0.9999)]
    assert found == sorted(found, reverse=True)
    assert bound(0.9) == empirical_bernstein_lower(values, 0.0, 1.0, level=0.9)


@pytest.mark.parametrize("tail", [1e-2, 1e-4, 1e-8])
def test_a_rare_mean_lies_below_the_exact_quantile_and_not_far(tail):
    # Zeros and ones: the mean under random weights has a beta law.
    terms = np.repeat([0.0, 1.0], [15, 25])
    exact = stats.beta(25, 15).ppf(tail)
    assert rare_mean(terms, tail) < exact
    assert stats.beta(25, 15).cdf(rare_mean(terms, tail)) > tail / (10.0 * math.sqrt(-math.log(tail)))
    # The least of some thousand draws, which says nothing of rarer quantiles, does not lie below.
    weights = np.random.default_rng(2).dirichlet(np.ones(40), size=2000)
    assert tail > 1e-3 or (weights @ terms).min() > exact


def test_a_rare_mean_of_equal_terms_or_extreme_tails():
    assert rare_mean(np.full(3, 2.5), 1e-9) == 2.5
    found = [rare_mean(np.array([0.0, 1e-300, 1.0, 1e6]), tail) for tail in (0.5, 1e-3, 1e-9, 1e-30)]
    assert found == sorted(found, reverse=True)
    assert 0.0 <= found[-1] < 1e-3


def test_gaffkes_bound_of_counts_is_that_of_clopper_and_pearson_or_wider():
    values = np.repeat([0.0, 1.0], [30, 50])
    bounds = gaffke_bounds(values, 0.0, 1.0, np.random.default_rng(3))
    for level in (0.5, 0.8, 0.95):
        assert bounds(level) == pytest.approx(clopper_pearson(50, 80, level=level), abs=0.012)
    for level in (0.995, 0.9999, 1 - 1e-12):
        low, high = bounds(level)
        exact = clopper_pearson(50, 80, level=level)
        assert low < exact[0] < exact[1] < high
        assert high - low < 1.25 * (exact[1] - exact[0])
    assert bounds(0.95) == bounded_mean_interval(values, 0.0, 1.0, np.random.default_rng(3))


def test_gaffkes_ends_move_one_way_through_the_last_draws():
    values = np.random.default_rng(4).beta(0.3, 2.0, size=60)
    bounds = gaffke_bounds(values, 0.0, 1.0, np.random.default_rng(5))
    ends = np.array([bounds(1.0 - tail) for tail in np.geomspace(0.9, 1e-12, 200)])
    assert (np.diff(ends[:, 0]) <= 0.0).all()
    assert (np.diff(ends[:, 1]) >= 0.0).all()
    assert (ends[0] != ends[-1]).all()


def test_too_few_values_and_wrong_levels_are_refused():
    with pytest.raises(TooFewSamplesError, match="needs at least 2 values"):
        empirical_bernstein_lower(np.array([1.0]), 0.0, 1.0)
    with pytest.raises(TooFewSamplesError, match="needs a value"):
        bounded_mean_interval(np.array([]), 0.0, 1.0, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="`level` must lie strictly between 0 and 1"):
        gaffke_bounds(np.ones(3), 0.0, 1.0, np.random.default_rng(0))(1.0)
