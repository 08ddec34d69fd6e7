from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import log_loss

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.c2st_loss import COIN, METRIC
from gandiag.numerics.critics import held_out_critics


def comparison(real, fake, seed=0):
    return Comparison(real=real, fake=fake, fit=real[:2], seed=seed)


def measured(real, fake, seed=0):
    return METRIC.measure(comparison(real, fake, seed), rng=np.random.default_rng(seed))


def test_loss_is_scikit_learns_log_loss_at_equal_priors():
    rng = np.random.default_rng(0)
    both = comparison(rng.normal(size=(200, 2)), rng.normal(1.0, 1.0, size=(100, 2)))
    held = both.once("held_out_critics", lambda r: held_out_critics(both.real, both.fake, r))
    weights = np.where(held.labels, 1 / 100, 1 / 50)
    expected = log_loss(held.labels, held.critic.probabilities, sample_weight=weights)
    result = METRIC.measure(both, rng=rng)
    assert result.estimate == pytest.approx(expected, abs=1e-12)
    assert (result.details["loss_real"] + result.details["loss_fake"]) / 2 == pytest.approx(expected, abs=1e-12)
    # Teeth: unweighted, the larger side would count twice.
    assert result.estimate != pytest.approx(log_loss(held.labels, held.critic.probabilities), abs=1e-6)


def test_loss_of_shifted_gaussians_is_log_two_minus_their_divergence():
    # Shift 1, 4000 held-out rows: standard deviation of the log score .42, so 4 standard errors are .027.
    rng = np.random.default_rng(1)
    result = measured(rng.normal(size=(4000, 1)), rng.normal(1.0, 1.0, size=(4000, 1)))
    assert result.estimate == pytest.approx(COIN - 0.111421, abs=0.027)
    assert abs(result.estimate - (COIN - 0.030311)) > 0.027  # a shift of one half
    assert result.interval.low <= COIN - 0.111421 + 0.01
    assert result.interval.high >= COIN - 0.111421


def test_loss_at_equality_is_log_two():
    rng = np.random.default_rng(2)
    result = measured(rng.normal(size=(2000, 2)), rng.normal(size=(2000, 2)))
    assert result.estimate == pytest.approx(COIN, abs=0.005)
    assert result.details["loss_at_equality"] == math.log(2)


def test_a_critic_worse_than_a_coin_is_replaced_by_the_coin():
    capped = [measured(*np.random.default_rng(s).normal(size=(2, 20, 2)), seed=s) for s in range(20)]
    assert all(r.estimate <= COIN for r in capped)
    assert any(r.details["loss"] > COIN + 1e-4 for r in capped)
    assert all(r.estimate == min(COIN, r.details["loss"]) for r in capped)


def test_p_values_keep_their_level_and_low_losses_speak_against_equality():
    n, m, p, wrong_side = 60, 20, [], []
    for seed in range(60):  # and 2000 in the slow form below
        rng = np.random.default_rng(seed)
        problem = measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed).null
        p.append(permutation_null(problem, draws=99, rng=np.random.default_rng(seed + 1)).p_value)
    assert (np.array(p) <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 60, 0.05)
    assert (np.array(p) <= 0.5).sum() >= stats.binom.ppf(1e-4, 60, 0.42)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        problem = measured(rng.normal(size=(n, 2)), rng.normal(2.0, 1.0, size=(m, 2)), seed).null
        assert problem.alternative == "less"
        null = permutation_null(problem, draws=99, rng=rng)
        wrong_side.append((1 + (null.tested_null >= null.tested).sum()) / 100)
        assert null.p_value == 0.01
    assert min(wrong_side) == 1.0  # the other tail would never see a difference


def test_intervals_contain_the_estimate_and_stay_in_range():
    for seed, shift in enumerate((0.0, 0.5, 30.0)):
        rng = np.random.default_rng(seed)
        result = measured(rng.normal(size=(30, 2)), rng.normal(shift, 1.0, size=(20, 2)), seed)
        assert 0.0 <= result.interval.low <= result.estimate <= result.interval.high <= COIN


def test_intervals_cover_the_true_loss_of_the_frozen_critic():
    # The truth comes from 20 000 further rows of both laws per critic; its error is a tenth of the interval's width.
    misses = narrow = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        both = comparison(rng.normal(size=(120, 1)), rng.normal(1.0, 1.0, size=(120, 1)), seed)
        held = both.once("held_out_critics", lambda r, c=both: held_out_critics(c.real, c.fake, r))
        critic = held.critic
        further = rng.normal(size=(20_000, 1))

        def chance(rows, critic=critic):
            odds = critic.slope * (critic.fitted.scores(rows) - critic.threshold)
            return np.clip(1 / (1 + np.exp(-odds)), critic.least, critic.most)

        truth = -0.5 * (np.log(chance(further)).mean() + np.log1p(-chance(further + 1.0)).mean())
        found = METRIC.measure(both, rng=rng)
        misses += not found.interval.low <= min(truth, COIN) <= found.interval.high
        narrow += not abs(found.details["loss"] - truth) <= (found.details["loss"] - found.interval.low) / 3
    limit = stats.binom.ppf(1 - 1e-4, 60, 0.05)
    assert misses <= limit < narrow


def test_intervals_cover_where_the_critic_is_sure_and_rarely_wrong():
    # Sixteen rows a side three standard deviations apart: a t interval covers half of the time (0.51 of 150).
    misses = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        both = comparison(rng.normal(size=(16, 2)), rng.normal(3.0, 1.0, size=(16, 2)), seed)
        critic = both.once("held_out_critics", lambda r, c=both: held_out_critics(c.real, c.fake, r)).critic
        further = rng.normal(size=(4000, 2))

        def chance(rows, critic=critic):
            odds = critic.slope * (critic.fitted.scores(rows) - critic.threshold)
            return np.clip(1 / (1 + np.exp(-odds)), critic.least, critic.most)

        truth = -0.5 * (np.log(chance(further)).mean() + np.log1p(-chance(further + 3.0)).mean())
        found = METRIC.measure(both, rng=rng).interval
        misses += not found.low - 1e-3 <= min(truth, COIN) <= found.high + 1e-3
    assert misses <= stats.binom.ppf(1 - 1e-4, 60, 0.05)


def test_equal_rows_everywhere_give_log_two_and_p_one():
    result = measured(np.ones((10, 2)), np.ones((14, 2)))
    assert result.estimate == pytest.approx(COIN, abs=1e-9)
    assert permutation_null(result.null, draws=99, rng=np.random.default_rng(0)).p_value == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 20)])
def test_p_values_keep_their_level_over_two_thousand_samples(n, m):
    p = []
    for seed in range(2000):
        rng = np.random.default_rng(100_000 + seed)
        problem = measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed).null
        p.append(permutation_null(problem, draws=99, rng=np.random.default_rng(seed)).p_value)
    for level in (0.01, 0.05, 0.1):
        assert (np.array(p) <= level).sum() <= stats.binom.ppf(1 - 1e-4, 2000, level)
