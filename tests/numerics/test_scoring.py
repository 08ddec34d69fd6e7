from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from gandiag.numerics.scoring import (
    advantages,
    areas_under_curve,
    guessing_band,
    information,
    midranks,
    roc_curve,
)


@pytest.fixture
def scored():
    rng = np.random.default_rng(3)
    scores = np.round(rng.normal(size=40), 1)  # rounded: many ties
    return scores, np.arange(40) < 15


def test_midranks_share_ranks_among_equals(scored):
    assert midranks(scored[0]) == pytest.approx(stats.rankdata(scored[0]), abs=0)
    assert not np.array_equal(midranks(scored[0]), stats.rankdata(scored[0], method="ordinal"))


def test_area_under_the_curve_counts_ties_half(scored):
    scores, labels = scored
    expected = roc_auc_score(labels, scores)
    assert float(areas_under_curve(midranks(scores), labels)) == pytest.approx(expected, abs=1e-12)
    ordinal = stats.rankdata(scores, method="ordinal")
    assert float(areas_under_curve(ordinal, labels)) != pytest.approx(expected, abs=1e-12)


def test_columns_of_labels_are_scored_one_by_one(scored):
    scores, labels = scored
    rng = np.random.default_rng(0)
    columns = rng.permuted(np.tile(labels, (6, 1)), axis=1).T
    probabilities = 1 / (1 + np.exp(-scores))
    says_real = (scores > 0).astype(float)
    for b in range(6):
        one = columns[:, b]
        assert areas_under_curve(midranks(scores), columns)[b] == pytest.approx(roc_auc_score(one, scores), abs=1e-12)
        gap = says_real[one].mean() - says_real[~one].mean()
        assert advantages(says_real, columns)[b] == pytest.approx(gap, abs=1e-12)
        weight = np.where(one, 1 / one.sum(), 1 / (~one).sum())
        loss = log_loss(one, probabilities, sample_weight=weight)
        assert information(probabilities, columns)[b] == pytest.approx(math.log(2) - loss, abs=1e-12)


def test_best_critic_attains_the_divergence_of_shifted_gaussians():
    # Row 57: 2e5 rows per side; the standard deviation of the log score is .4226, so 4 standard errors are .003.
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=200_000), rng.normal(1.0, 1.0, size=200_000)
    labels = np.arange(400_000)[:, None] < 200_000

    def check(slope):
        logit = -slope * (np.concatenate([x, y]) - 0.5)
        assert information(1 / (1 + np.exp(-logit)), labels)[0] == pytest.approx(0.11142, abs=0.003)

    check(1.0)
    for wrong in (0.5, 2.0, -1.0):
        with pytest.raises(AssertionError, match=r"^assert "):
            check(wrong)


def test_the_area_under_the_roc_is_the_chance_that_real_scores_higher():
    rng = np.random.default_rng(5)
    labels = np.arange(300) < 120
    scores = rng.standard_normal(300) + labels
    alarms, hits = roc_curve(scores, labels)
    higher = np.mean(scores[labels][:, None] > scores[~labels][None, :])
    assert np.trapezoid(hits, alarms) == pytest.approx(higher)
    assert (alarms[0], hits[0], alarms[-1], hits[-1]) == (0, 0, 1, 1)


def test_equal_scores_count_half_on_the_roc_and_in_its_area():
    scores, labels = np.array([1.0, 1.0, 1.0, 2.0]), np.array([True, False, False, True])
    alarms, hits = roc_curve(scores, labels)
    assert np.trapezoid(hits, alarms) == pytest.approx(0.75)
    assert areas_under_curve(midranks(scores), labels) == pytest.approx(0.75)


def test_the_band_holds_nineteen_guessing_curves_of_twenty():
    rng = np.random.default_rng(3)
    labels, reach = np.arange(300) < 120, guessing_band(120, 180, 0.95)
    far = [np.abs(np.subtract(*roc_curve(rng.standard_normal(300), labels))).max() > reach for _ in range(1000)]
    assert 0.02 < np.mean(far) < 0.065
