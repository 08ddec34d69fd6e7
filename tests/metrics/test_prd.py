"""Precision-recall curve: dropped modes cost recall, wrong samples precision; level, power, both routes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.prd import METRIC, measure

CENTRES = 12.0 * np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])


def modes(rng, n, k=4):
    return CENTRES[rng.integers(k, size=n)] + 0.5 * rng.normal(size=(n, 2))


def measured(real, fake, fit, seed=0, **options):
    return measure(Comparison(real=real, fake=fake, fit=fit, seed=seed), rng=np.random.default_rng(seed), **options)


def p_value(result, seed=0):
    return summarise_null(result, draws=99, rng=np.random.default_rng(seed)).p_value.value


@pytest.mark.parametrize("method", ["critic", "clusters"])
def test_half_of_the_modes_is_full_precision_and_half_recall(method):
    rng = np.random.default_rng(0)
    result = measured(modes(rng, 400), modes(rng, 400, k=2), modes(rng, 400), method=method)
    # Exact law: alpha(1) = .5; F_8 = 65 / (128 + 1) at l = 2, F_1/8 = (1 + 1/64) / (1/32 + 1).
    assert result.details["overlap"] == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(200))
    assert result.details["f_8"] == pytest.approx(65 / 129, abs=0.13)
    assert result.details["f_1_over_8"] == pytest.approx(0.9848, abs=0.03)
    assert result.details["f_1_over_8"] > result.details["f_8"] + 0.3
    assert p_value(result) == 0.01
    swapped = measured(modes(rng, 400, k=2), modes(rng, 400), modes(rng, 400), method=method)
    assert swapped.details["f_8"] > swapped.details["f_1_over_8"] + 0.3, "swapped arguments exchange the two"


def test_no_overlap_gives_nothing():
    rng = np.random.default_rng(1)
    result = measured(modes(rng, 200), modes(rng, 200) + 500.0, modes(rng, 100))
    assert result.details["overlap"] <= 0.02
    assert result.details["overlap_high"] < 0.1
    clusters = measured(
        modes(rng, 200, k=1), CENTRES[1] + modes(rng, 200, k=1) - CENTRES[0], modes(rng, 200), method="clusters"
    )
    assert clusters.estimate == 0.0
    assert clusters.details["max_recall"] == 0.0


def test_the_curve_travels_for_a_figure():
    rng = np.random.default_rng(2)
    result = measured(modes(rng, 60), modes(rng, 60), modes(rng, 60), method="clusters", clusters=4, runs=2)
    assert {"precision", "recall", "slopes"} <= set(result.arrays)
    np.testing.assert_allclose(result.arrays["recall"] * result.arrays["slopes"], result.arrays["precision"])
    both = result.details["best_precision"], result.details["best_recall"]
    assert 2 * both[0] * both[1] / sum(both) == pytest.approx(result.estimate)
    assert both in set(zip(result.arrays["precision"], result.arrays["recall"], strict=True))
    # Along rising slopes precision is gained and recall is lost, from one end to the other.
    assert (np.diff(result.arrays["precision"]) >= -1e-12).all()
    assert (np.diff(result.arrays["recall"]) <= 1e-12).all()
    assert result.arrays["precision"][-1] > 0.8 > 0.1 > result.arrays["precision"][0]
    assert result.arrays["recall"][0] > 0.8 > 0.1 > result.arrays["recall"][-1]


def p_values(reps, method, *, clusters=12, fit_on_real=False):
    found = []
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        real, fake, fit = (rng.normal(size=(n, 2)) for n in (40, 30, 40))
        fit = real if fit_on_real else fit
        result = measured(real, fake, fit, seed, method=method, clusters=clusters, runs=1)
        found.append(p_value(result, seed))
    return np.array(found)


def within(count, reps, level):
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], reps, level)
    return low <= count <= high


def test_cluster_p_values_are_uniform_and_those_of_clusters_fitted_on_real_are_not():
    p = p_values(100, "clusters")
    assert within((p <= 0.05).sum(), 100, 0.05)
    assert within((p <= 0.5).sum(), 100, 0.5)
    # With a cluster per real row, real is spread evenly as no relabelling is: the test then never rejects.
    assert not within((p_values(40, "clusters", clusters=40, fit_on_real=True) <= 0.5).sum(), 40, 0.5)


def test_critic_p_values_keep_their_level():
    assert (p_values(25, "critic") <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 25, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["critic", "clusters"])
def test_p_values_keep_their_level_over_many_repetitions(method):
    assert (p_values(1000, method) <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 1000, 0.05)


def test_an_unknown_method_is_refused():
    rows = np.zeros((10, 1))
    with pytest.raises(ConfigError, match="critic"):
        measured(rows, rows, rows, method="bins")
    assert not METRIC.default
