from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.total_variation import METRIC
from gandiag.numerics.critics import held_out_critics
from gandiag.numerics.divergences import total_variation
from gandiag.numerics.scoring import advantages


def comparison(real, fake, seed=0):
    return Comparison(real=real, fake=fake, fit=real[:2], seed=seed)


def measured(real, fake, seed=0):
    return METRIC.measure(comparison(real, fake, seed), rng=np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5], 0.25),
        ([1.0, 0.0], [0.0, 1.0], 1.0),
        ([1 / 7] * 7 + [0.0], [1 / 8] * 8, 1 / 8),
    ],
)
def test_variation_of_discrete_laws_is_the_published_one(p, q, expected):
    p, q = np.array(p), np.array(q)
    assert total_variation(p, q) == pytest.approx(expected, abs=1e-12)  # row 55
    assert total_variation(p, q) == pytest.approx(np.maximum(p - q, 0).sum(), abs=1e-12)


def test_variation_is_half_the_sum_of_differences():
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert total_variation(p, q) != np.abs(p - q).sum()


def test_bound_of_shifted_gaussians_is_near_the_truth_and_its_guarantee_below():
    # Shift 1: total variation .382925. 5000 held-out rows: 4 standard errors of the advantage are .053.
    rng = np.random.default_rng(0)
    result = measured(rng.normal(size=(5000, 1)), rng.normal(1.0, 1.0, size=(5000, 1)))
    assert result.estimate == pytest.approx(0.382925, abs=0.053)
    assert 0.3 < result.interval.low < 0.382925
    assert abs(result.estimate - 0.691462) > 0.053  # the accuracy is not the variation
    assert 0.0 < result.details["soft_bound"] < result.estimate
    assert 0.25 < result.details["bound_from_auc"] < 0.382925


@pytest.mark.parametrize(("n", "m"), [(60, 60), (90, 40)])
def test_guarantee_exceeds_the_true_variation_at_most_as_often_as_stated(n, m):
    # Shift 3 in one column: the best cut is learned exactly enough for the bound to be tight.
    truth = 0.866386
    bounds, estimates = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        result = measured(rng.normal(size=(n, 1)), rng.normal(3.0, 1.0, size=(m, 1)), seed)
        bounds.append(result.interval.low)
        estimates.append(result.estimate)
    limit = stats.binom.ppf(1 - 1e-4, 60, 0.05)
    assert (np.array(bounds) > truth).sum() <= limit
    assert (np.array(estimates) > truth).sum() > limit  # the estimate itself is no guarantee
    assert np.median(bounds) > 0.5


def test_floor_and_p_value_are_those_of_all_relabellings():
    rng = np.random.default_rng(1)
    both = comparison(rng.normal(size=(60, 2)), rng.normal(0.6, 1.0, size=(30, 2)))
    held = both.once("held_out_critics", lambda r: held_out_critics(both.real, both.fake, r))
    result = METRIC.measure(both, rng=rng)
    shuffled = rng.permuted(np.tile(held.labels, (20_000, 1)), axis=1).T
    null = np.maximum(0.0, advantages(held.critic.says_real, shuffled))
    assert result.null.floor.mean == pytest.approx(null.mean(), abs=4 * null.std() / np.sqrt(20_000))
    assert result.null.floor.sd == pytest.approx(null.std(), rel=0.03)
    share = (null >= result.estimate - 1e-12).mean()
    assert result.null.p_value.value == pytest.approx(share, abs=4 * np.sqrt(share / 20_000) + 1e-4)
    assert result.null.floor.mean > 0.01  # a floor of exactly 0 would be that of the unclipped estimate


@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 20)])
def test_p_values_keep_their_level(n, m):
    p = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p.append(measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed).null.p_value.value)
    for level in (0.05, 0.1, 0.3):
        assert (np.array(p) <= level).sum() <= stats.binom.ppf(1 - 1e-4, 60, level)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 20)])
def test_p_values_keep_their_level_over_two_thousand_samples(n, m):
    p = []
    for seed in range(2000):
        rng = np.random.default_rng(100_000 + seed)
        p.append(measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed).null.p_value.value)
    for level in (0.01, 0.05, 0.1):
        assert (np.array(p) <= level).sum() <= stats.binom.ppf(1 - 1e-4, 2000, level)


def test_largest_gap_over_all_thresholds_would_lie():
    # The Kolmogorov-Smirnov distance of the scores is the best threshold in hindsight: biased where nothing differs.
    fixed, hindsight = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        both = comparison(rng.normal(size=(40, 2)), rng.normal(size=(40, 2)), seed)
        held = both.once("held_out_critics", lambda r, c=both: held_out_critics(c.real, c.fake, r))
        fixed.append(METRIC.measure(both, rng=rng).details["plain_bound"])
        hindsight.append(stats.ks_2samp(held.critic.scores[held.labels], held.critic.scores[~held.labels]).statistic)
    assert abs(np.mean(fixed)) < 4 * np.std(fixed) / np.sqrt(40)
    assert np.mean(hindsight) > 0.1


def test_equal_rows_everywhere_give_zero_p_one_and_a_stated_reason():
    result = measured(np.ones((10, 2)), np.ones((14, 2)))
    assert result.estimate == 0.0
    assert result.null.p_value.value == 1.0
    assert summarise_null(result, draws=99, rng=np.random.default_rng(0)).reasons["z"] == "the null has no spread"
