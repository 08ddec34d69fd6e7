"""Kullback-Leibler bound: closed form, direction, guarantee, level, and a bound judged on its own training rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.kl import METRIC, log_ratios
from gandiag.numerics.critic_bounds import nwj
from gandiag.numerics.critics import held_out_critics


def measured(real, fake, seed=0):
    return METRIC.measure(Comparison(real=real, fake=fake, fit=real[:2], seed=seed), rng=np.random.default_rng(seed))


def test_bound_of_shifted_gaussians_comes_close_to_the_truth():
    # Shift 1: KL .5. Held-out rows 2000 of each side: standard errors 1 / sqrt(2000) and 1.31 / sqrt(2000), joint .037.
    rng = np.random.default_rng(1)
    result = measured(rng.normal(size=(4000, 1)), rng.normal(1.0, 1.0, size=(4000, 1)))
    assert result.estimate == pytest.approx(0.5, abs=4 * 0.037)
    assert result.details["reverse"] == pytest.approx(0.5, abs=4 * 0.037)
    assert 0.1 < result.interval.low < 0.5
    assert result.details["gated"] is False


def test_the_direction_is_real_from_fake():
    # KL(N(0,1) || N(0,4)) = .318147, the other way round .806853.
    rng = np.random.default_rng(2)
    result = measured(rng.normal(size=(5000, 1)), 2.0 * rng.normal(size=(5000, 1)))
    assert result.estimate == pytest.approx(0.318147, abs=0.08)
    assert result.details["reverse_plain_bound"] == pytest.approx(0.806853, abs=0.2)
    assert result.estimate < result.details["reverse"] - 0.2
    swapped = measured(2.0 * rng.normal(size=(5000, 1)), rng.normal(size=(5000, 1)))
    assert abs(swapped.estimate - 0.318147) > 0.2, "swapped arguments must be seen"


def test_the_held_out_bound_is_below_the_truth_on_average_and_that_of_the_training_rows_is_not():
    held_out, training = [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=(40, 4)), rng.normal(size=(40, 4))
        held = held_out_critics(real, fake, rng)
        ratios = log_ratios(held)
        held_out.append(nwj(ratios[held.labels], ratios[~held.labels]))
        fitted = held.critics["linear"].fitted
        seen = fitted.scores(real[held.train_real]), fitted.scores(fake[held.train_fake])
        training.append(nwj(*seen))
    # Equal laws: the divergence is 0.
    assert np.mean(held_out) <= 4 * np.std(held_out) / np.sqrt(25)
    assert np.mean(training) > 4 * np.std(training) / np.sqrt(25)


def level(reps):
    p = []
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        problem = measured(rng.standard_t(3, size=(30, 2)), rng.standard_t(3, size=(40, 2)), seed).null
        p.append(permutation_null(problem, draws=99, rng=np.random.default_rng(seed + 1)).p_value)
    return np.array(p)


def test_p_values_keep_their_level():
    assert (level(40) <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 40, 0.05)


@pytest.mark.slow
def test_p_values_keep_their_level_over_many_repetitions():
    assert (level(1000) <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 1000, 0.05)


def test_it_sees_a_dropped_half_and_its_value_is_capped():
    rng = np.random.default_rng(3)
    real = np.concatenate([rng.normal(-5.0, 1.0, size=(200, 1)), rng.normal(5.0, 1.0, size=(200, 1))])
    result = measured(real, rng.normal(5.0, 1.0, size=(400, 1)))
    assert permutation_null(result.null, draws=99, rng=rng).p_value == 0.01
    # The truth is infinite; what is found is bounded by the clip of the odds.
    assert 1.0 < result.estimate < 7.0
