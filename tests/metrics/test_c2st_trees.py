"""Classifier test by trees: the known accuracy, level, what only joint splits show, and labels dealt to seen rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics._critic_test import critic_measurement
from gandiag.metrics.c2st_trees import measure
from gandiag.numerics.classifiers import fit_linear, fit_trees
from gandiag.numerics.scoring import areas_under_curve, midranks


def comparison(real, fake):
    return Comparison(real=real, fake=fake, fit=real[:2])


def measured(real, fake, seed=0):
    return measure(comparison(real, fake), rng=np.random.default_rng(seed))


def p_value(measurement, seed=0, draws=99):
    return permutation_null(measurement.null, draws=draws, rng=np.random.default_rng(seed)).p_value


@pytest.mark.row(8)
def test_they_come_near_the_best_accuracy_on_a_change_of_scale_and_never_above():
    rng = np.random.default_rng(8)
    real, fake = rng.normal(size=(10_000, 1)), 2.0 * rng.normal(size=(10_000, 1))
    found = measured(real, fake).details["accuracy"]
    assert found == pytest.approx(0.656, abs=0.03)
    assert found <= 0.6613 + 4 * np.sqrt(0.22 / 10_000)
    # The linear critic is blind to it.
    linear = critic_measurement(comparison(real, fake), fit_linear, np.random.default_rng(0), details={})
    assert linear.details["accuracy"] == pytest.approx(0.5, abs=0.02)


def null_count(repetitions, n, m):
    found = 0
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        found += p_value(measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed), seed) <= 0.05
    return found


def test_the_level_holds():
    assert null_count(60, 50, 30) <= binom.ppf(1 - 1e-4, 60, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(60, 60), (100, 30)])
def test_the_level_holds_over_many_repetitions(n, m):
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 500, 0.05)
    assert low <= null_count(500, n, m) <= high


def test_the_rows_that_trees_were_grown_on_would_be_told_apart_where_nothing_differs():
    rng = np.random.default_rng(3)
    rows, labels = rng.normal(size=(100, 5)), np.arange(100) < 50
    seen = areas_under_curve(midranks(fit_trees(rows, labels, rng).scores(rows)), labels)
    fresh = areas_under_curve(midranks(fit_trees(rows, labels, rng).scores(rng.normal(size=(100, 5)))), labels)
    assert seen > 0.85
    assert fresh < 0.7


def test_they_see_a_sign_that_only_two_columns_together_show():
    rng = np.random.default_rng(4)
    real, fake = rng.normal(size=(400, 3)), rng.normal(size=(400, 3))
    fake[:, 1] = np.abs(fake[:, 1]) * np.sign(fake[:, 0])
    result = measured(real, fake)
    assert p_value(result) == 0.01
    assert result.estimate == pytest.approx(0.5, abs=0.15)  # total variation 1/2; standard error .05


def test_unequal_sizes_tilt_no_score():
    rng = np.random.default_rng(5)
    result = measured(rng.normal(size=(800, 1)), rng.normal(3.0, 1.0, size=(80, 1)))
    # Four standard errors of the share of 40 held-out rows that are called right.
    assert result.estimate == pytest.approx(0.866, abs=4 * 0.04)
    assert abs(np.median(fit_trees(rng.normal(size=(500, 1)), np.arange(500) < 450, rng).scores(np.zeros((1, 1))))) < 1
