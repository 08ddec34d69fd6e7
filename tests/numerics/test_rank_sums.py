"""Rank sums: exact tails against scipy, ties, and a tail that is off by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.numerics import rank_sums
from gandiag.numerics.rank_sums import below_p, pairs_below, pairs_spread


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (3, 4), (10, 15), (40, 30), (100, 80), (150, 150)])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.5, 1.5])
def test_exact_tails_agree_with_scipy_and_a_tail_without_its_first_step_does_not(n, m, shift):
    rng = np.random.default_rng(n + m)
    x, y = rng.normal(size=n) - shift, rng.normal(size=m)
    peer = stats.mannwhitneyu(x, y, alternative="less", method="exact")
    assert below_p(x, y) == pytest.approx(peer.pvalue, rel=1e-9, abs=0.0)
    assert pairs_below(x, y) == n * m - peer.statistic
    assert below_p(x, y) != pytest.approx(1.01 * peer.pvalue, rel=1e-9, abs=0.0)
    strict = 1.0 - below_p(y, x) if n * m < 3000 else 0.0
    assert strict < below_p(x, y), "P(U > u) is not P(U >= u)"


def test_ties_are_corrected_for():
    rng = np.random.default_rng(0)
    x, y = rng.integers(2, size=60).astype(float), rng.integers(2, size=50).astype(float)
    assert below_p(x, y) == pytest.approx(stats.mannwhitneyu(x, y, alternative="less", method="asymptotic").pvalue)
    draws = [pairs_below(*np.split(rng.permutation(np.concatenate([x, y])), [60])) for _ in range(3000)]
    # Four standard errors of a standard deviation from 3000 draws.
    assert np.std(draws) == pytest.approx(pairs_spread(x, y), rel=0.052)
    assert np.std(draws) != pytest.approx(np.sqrt(60 * 50 * 111 / 12), rel=0.052)
    assert below_p(np.ones(5), np.ones(9)) == 1.0


def test_beyond_the_limit_the_normal_law_is_not_too_light(monkeypatch):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=120) - 0.6, rng.normal(size=120)
    exact = below_p(x, y)
    monkeypatch.setattr(rank_sums, "MOST_PAIRS", 0)
    assert exact <= below_p(x, y) < 3 * exact


def test_extreme_samples_never_get_zero():
    assert 0.0 < below_p(np.arange(300.0), 1e3 + np.arange(300.0)) < 1e-150
