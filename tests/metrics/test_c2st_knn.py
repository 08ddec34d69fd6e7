"""Classifier test by neighbours: the known accuracy, level, copies, and a critic judged on rows that it has seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics._critic_test import critic_measurement
from gandiag.metrics.c2st_knn import measure
from gandiag.numerics.classifiers import fit_local
from gandiag.numerics.critics import split_halves


def comparison(real, fake):
    return Comparison(real=real, fake=fake, fit=real[:2])


def measured(real, fake, seed=0, **options):
    return measure(comparison(real, fake), rng=np.random.default_rng(seed), **options)


def p_value(measurement, seed=0, draws=99):
    return permutation_null(measurement.null, draws=draws, rng=np.random.default_rng(seed)).p_value


@pytest.mark.row(8)
def test_it_comes_near_the_best_accuracy_on_a_change_of_scale_and_never_above():
    rng = np.random.default_rng(8)
    result = measured(rng.normal(size=(10_000, 1)), 2.0 * rng.normal(size=(10_000, 1)))
    assert result.details["k"] == 100
    assert result.details["accuracy"] == pytest.approx(0.656, abs=0.03)
    assert result.details["accuracy"] <= 0.6613 + 4 * np.sqrt(0.22 / 10_000)
    # A single neighbour is no critic of that accuracy.
    assert measured(rng.normal(size=(2000, 1)), 2.0 * rng.normal(size=(2000, 1)), k=1).details["accuracy"] < 0.626


@pytest.mark.parametrize(("n", "m"), [(40, 40), (50, 16)])
def test_the_level_holds_for_equal_and_unequal_sizes(n, m):
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found += p_value(measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed), seed) <= 0.05
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 200, 0.05)
    assert low <= found <= high


def test_a_critic_that_has_seen_the_rows_it_is_judged_on_would_reject():
    rejected = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        both = comparison(rng.normal(size=(40, 2)), rng.normal(size=(40, 2)))
        cut = split_halves(both.real, both.fake, np.random.default_rng(seed))

        def cheat(rows, labels, cut=cut):
            return fit_local(cut.test, cut.test_labels, 3)

        rejected += p_value(critic_measurement(both, cheat, np.random.default_rng(seed), details={}), seed) <= 0.05
    assert rejected > binom.ppf(1 - 1e-4, 40, 0.05)


def test_poisoned_held_out_rows_do_not_change_what_was_learned():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(30, 2)), rng.normal(size=(25, 2))
    cut = split_halves(real, fake, np.random.default_rng(5))
    learned = []

    def keep(rows, labels):
        learned.append((rows.copy(), labels.copy()))
        return fit_local(rows, labels)

    critic_measurement(comparison(real, fake), keep, np.random.default_rng(5), details={})
    real[cut.real_rows], fake[cut.fake_rows] = 1e6, -1e6
    critic_measurement(comparison(real, fake), keep, np.random.default_rng(5), details={})
    fake[cut.train_fake[0]] = 7.0
    critic_measurement(comparison(real, fake), keep, np.random.default_rng(5), details={})
    assert np.array_equal(learned[0][0], learned[1][0])
    assert np.array_equal(learned[0][1], learned[1][1])
    assert not np.array_equal(learned[1][0], learned[2][0])  # a poisoned training row shows


def test_estimate_area_and_interval_belong_together():
    rng = np.random.default_rng(2)
    result = measured(rng.normal(size=(200, 2)), rng.normal(0.8, 1.0, size=(150, 2)))
    rows = result.null.statistic(result.null.observed[:, None])
    assert rows[0, 0] == pytest.approx(result.estimate, abs=1e-12)
    assert rows[1, 0] == pytest.approx(result.details["auc"], abs=1e-12)
    alarms, hits = result.arrays["roc"]
    assert np.trapezoid(hits, alarms) == pytest.approx(result.details["auc"], abs=1e-12)
    assert result.details["hit_rate"] - result.details["alarm_rate"] == pytest.approx(result.estimate, abs=1e-12)
    assert result.interval.low <= result.estimate <= result.interval.high
    assert p_value(result) == 0.01


def test_k_below_one_is_refused():
    with pytest.raises(ConfigError, match="`k` must be at least 1"):
        measured(np.zeros((8, 1)), np.ones((8, 1)), k=0)
