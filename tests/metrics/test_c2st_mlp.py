"""Classifier test by a network: near the best accuracy, the same for the same stream, level, and torch left alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics._critic_test import critic_measurement
from gandiag.metrics.c2st_mlp import measure
from gandiag.numerics.classifiers import fit_linear
from gandiag.numerics.networks import fit_mlp
from gandiag.numerics.scoring import areas_under_curve, midranks


def measured(real, fake, seed=0):
    return measure(Comparison(real=real, fake=fake, fit=real[:2]), rng=np.random.default_rng(seed))


def p_value(measurement, seed=0, draws=99):
    return permutation_null(measurement.null, draws=draws, rng=np.random.default_rng(seed)).p_value


@pytest.mark.parametrize(("shift", "scale", "best"), [(1.0, 1.0, norm.cdf(0.5)), (0.0, 2.0, 0.6613)])
def test_it_comes_near_the_best_accuracy_and_never_above(shift, scale, best):
    rng = np.random.default_rng(8)
    found = measured(rng.normal(size=(1500, 1)), shift + scale * rng.normal(size=(1500, 1))).details["accuracy"]
    error = np.sqrt(best * (1 - best) / 1500)
    assert best - 3 * error - 0.02 <= found <= best + 4 * error
    assert found != pytest.approx(0.5, abs=0.03)  # what a critic that learned nothing says


def null_count(repetitions, n, m):
    found = 0
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        found += p_value(measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed), seed) <= 0.05
    return found


def test_the_level_holds():
    assert null_count(40, 50, 30) <= binom.ppf(1 - 1e-4, 40, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(60, 60), (100, 30)])
def test_the_level_holds_over_many_repetitions(n, m):
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 500, 0.05)
    assert low <= null_count(500, n, m) <= high


def test_the_rows_that_it_learned_from_would_be_told_apart_where_nothing_differs():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(100, 20)), np.arange(100) < 50
    network = fit_mlp(rows, labels, rng)
    seen = areas_under_curve(midranks(network.scores(rows)), labels)
    fresh = areas_under_curve(midranks(network.scores(rng.normal(size=(100, 20)))), labels)
    # The standard error of an area of 50 against 50 rows is .058.
    assert seen > 0.5 + 4 * 0.058
    assert fresh < 0.5 + 3 * 0.058


def test_it_sees_a_ring_that_no_linear_critic_sees():
    rng = np.random.default_rng(1)
    ring = rng.normal(size=(1000, 2))
    ring /= np.linalg.norm(ring, axis=1, keepdims=True) / 1.2
    real = rng.normal(size=(1000, 2))
    assert p_value(measured(real, ring)) == 0.01
    linear = critic_measurement(Comparison(real=real, fake=ring, fit=real), fit_linear, rng, details={})
    assert abs(linear.details["auc"] - 0.5) < 0.06


def test_the_same_stream_gives_the_same_network_and_leaves_the_state_of_torch_alone():
    import torch

    rng = np.random.default_rng(2)
    rows, labels = rng.normal(size=(60, 3)), np.arange(60) < 40
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = fit_mlp(rows, labels, np.random.default_rng(1)).scores(rows)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    assert np.array_equal(fit_mlp(rows, labels, np.random.default_rng(1)).scores(rows), first)
    assert not np.array_equal(fit_mlp(rows, labels, np.random.default_rng(2)).scores(rows), first)


def test_unequal_sizes_tilt_no_score():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(900, 1)), rng.normal(2.0, 1.0, size=(100, 1))
    critic = fit_mlp(np.concatenate([real, fake]), np.arange(1000) < 900, rng)
    middle = float(critic.scores(np.array([[1.0]]))[0])
    assert abs(middle) < 1.0
    # At the training odds of 9 to 1 it would be log 9.
    assert abs(middle) < np.log(9.0) / 2
