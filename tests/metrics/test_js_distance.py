"""Jensen-Shannon distance: closed form, guarantee, level, the game's value, and the divergence in its place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.js_distance import EQUILIBRIUM, LARGEST, METRIC

TRUTH = math.sqrt(0.111421)  # shift 1


def measured(real, fake, seed=0):
    return METRIC.measure(Comparison(real=real, fake=fake, fit=real[:2], seed=seed), rng=np.random.default_rng(seed))


def test_bound_of_shifted_gaussians_comes_close_to_the_distance():
    rng = np.random.default_rng(1)
    result = measured(rng.normal(size=(4000, 1)), rng.normal(1.0, 1.0, size=(4000, 1)))
    # The divergence's 4 standard errors are .027; the root's are that over twice the distance.
    assert result.estimate == pytest.approx(TRUTH, abs=0.027 / (2 * TRUTH))
    assert 0.22 < result.interval.low < TRUTH
    assert abs(result.estimate**2 - TRUTH) > 0.15, "the divergence is not the distance"
    assert result.details["normalised"] == pytest.approx(result.estimate / 0.832555, abs=1e-6)
    assert result.details["gan_value"] == pytest.approx(2 * 0.111421 - math.log(4), abs=2 * 0.027)


def test_the_value_of_the_game_approaches_its_equilibrium():
    rng = np.random.default_rng(2)
    equal = measured(*rng.normal(size=(2, 2000, 2)))
    assert equal.details["gan_value"] == pytest.approx(-1.386294, abs=0.01)
    assert pytest.approx(-1.386294, abs=1e-6) == EQUILIBRIUM == equal.details["gan_value_at_equilibrium"]
    apart = measured(rng.normal(size=(200, 2)), rng.normal(50.0, 1.0, size=(200, 2)))
    assert apart.details["gan_value"] == pytest.approx(0.0, abs=0.05)
    assert 0.98 * LARGEST < apart.estimate <= LARGEST


def test_confidence_bound_stays_below_the_true_distance():
    above = estimate_above = positive = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        result = measured(rng.normal(size=(250, 1)), rng.normal(2.0, 1.0, size=(250, 1)), seed)
        above += result.interval.low > math.sqrt(0.336831)
        estimate_above += result.estimate > math.sqrt(0.336831)
        positive += result.interval.low > 0
    limit = stats.binom.ppf(1 - 1e-4, 30, 0.05)
    assert above <= limit < estimate_above
    assert positive > 25


def level(reps):
    p = []
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        problem = measured(rng.normal(size=(30, 2)), rng.normal(size=(40, 2)), seed).null
        p.append(permutation_null(problem, draws=99, rng=np.random.default_rng(seed + 1)).p_value)
    return np.array(p)


def test_p_values_keep_their_level():
    p = level(40)
    assert (p <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 40, 0.05)
    # A test of the clipped estimate would tie at 0 and reject at most in half of the samples at any level.
    assert (p <= 0.5).sum() >= stats.binom.ppf(1e-4, 40, 0.42)


@pytest.mark.slow
def test_p_values_keep_their_level_over_many_repetitions():
    assert (level(1000) <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 1000, 0.05)


def test_it_sees_a_shift():
    p = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        problem = measured(rng.normal(size=(150, 2)), rng.normal(0.7, 1.0, size=(150, 2)), seed).null
        p.append(permutation_null(problem, draws=99, rng=np.random.default_rng(seed + 1)).p_value)
    assert (np.array(p) <= 0.05).sum() >= 5
