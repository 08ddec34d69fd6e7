"""Rank sums: exact tails against scipy, ties, and a tail that is off by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from gandiag.numerics import rank_sums
from gandiag.numerics.rank_sums import pairs_below, pairs_spread


def below_p(first, second):
    return rank_sums.below_p(first, second, np.random.default_rng(0))


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


def law(pool, n, tail):
    """Every relabelling's pairs below and its p-value."""
    every = np.arange(len(pool))
    sides = [np.isin(every, part) for part in itertools.combinations(every, n)]
    return np.array([(pairs_below(pool[one], pool[~one]), tail(pool[one], pool[~one])) for one in sides]).T


def normal_law(first, second):
    spread = pairs_spread(first, second)
    z = (pairs_below(first, second) - 0.5 - len(first) * len(second) / 2) / spread if spread else -np.inf
    return stats.norm.sf(z)


@pytest.mark.parametrize(("n", "m"), [(1, 6), (3, 3), (5, 2), (4, 5), (5, 5)])
@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_under_ties_the_p_value_is_the_share_of_relabellings(n, m, levels):
    pool = np.sort(np.random.default_rng(levels).integers(levels, size=n + m).astype(float))
    pairs, p = law(pool, n, below_p)
    truth = (pairs[:, None] <= pairs + 1e-9).mean(axis=1)
    np.testing.assert_allclose(p, truth, rtol=1e-12)


def test_the_normal_law_under_ties_rejects_too_often():
    pool = np.repeat([0.0, 1.0, 2.0], [3, 5, 4])
    pairs, exact = law(pool, 4, below_p)
    _, normal = law(pool, 4, normal_law)
    for alpha in np.unique(exact):
        assert (exact <= alpha + 1e-12).mean() <= alpha + 1e-12
    assert (normal <= 0.05).mean() > 0.05
    assert pairs.mean() == pytest.approx(16.0)
    assert pairs.std() == pytest.approx(pairs_spread(pool[:4], pool[4:]), rel=1e-12)
    assert pairs.std() != pytest.approx(np.sqrt(4 * 8 * 13 / 12), rel=0.01), "without the correction for ties"


@pytest.mark.parametrize("lows", [3, 4, 5])
def test_two_values_are_fishers_exact_test_and_not_the_normal_law(lows):
    x, y = np.repeat([0.0, 1.0], [lows, 50 - lows]), np.ones(45)
    truth = stats.hypergeom.sf(lows - 1, 95, lows, 50)
    assert below_p(x, y) == pytest.approx(truth, rel=1e-12)
    assert normal_law(x, y) < 0.6 * truth


def test_ties_beyond_the_limit_are_counted_against_the_claim(monkeypatch):
    rng = np.random.default_rng(1)
    pools = [rng.integers(levels, size=11).astype(float) for levels in (2, 3, 5)]
    exact = [law(pool, 5, below_p)[1] for pool in pools]
    monkeypatch.setattr(rank_sums, "MOST_TIED", 0)
    monkeypatch.setattr(rank_sums, "FEW_GROUPS", 0)
    cautious = [law(pool, 5, below_p)[1] for pool in pools]
    for fine, coarse in zip(exact, cautious, strict=True):
        for p in (fine, coarse):
            assert all((p <= alpha).mean() <= alpha + 1e-12 for alpha in p)
        assert coarse.mean() > fine.mean() + 0.05, "the price"
    # Copies tie among themselves, not with the other side: nothing is lost.
    copies, others = np.zeros(60), 1.0 + rng.random(50)
    assert below_p(copies, others) < 1e-30


@pytest.mark.parametrize("seed", range(4))
def test_few_groups_beyond_the_limit_are_dealt_out(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(5, size=25).astype(float), rng.integers(6, size=30).astype(float)
    exact, swapped = below_p(x, y), below_p(y, x)
    monkeypatch.setattr(rank_sums, "MOST_TIED", 0)
    # Five standard errors of a share of 9999.
    near = {"abs": 5 * np.sqrt(exact * (1 - exact) / 9999) + 1e-4}
    assert below_p(x, y) == pytest.approx(exact, **near)
    assert swapped != pytest.approx(exact, **near)
    assert below_p(np.zeros(30), np.repeat([0.0, 1.0], [1, 29])) == 1 / 10_000


def test_beyond_the_limit_the_normal_law_is_not_too_light(monkeypatch):
    n, m = 120, 90
    below = np.unique(np.linspace(0, n * m, 150).astype(int))
    exact = np.array([rank_sums._untied_tail(int(u), n, m) for u in below])
    found = np.array([rank_sums._normal_tail(int(u), n, m) for u in below])
    assert (found >= exact * (1 - 1e-4)).all()
    assert (found <= exact * 1.1)[exact > 1e-3].all()
    plain = stats.norm.sf((below - 0.5 - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))
    assert (plain < exact * (1 - 1e-4)).any(), "without the term for the kurtosis"
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=n) - 0.6, rng.normal(size=m)
    counted = below_p(x, y)
    monkeypatch.setattr(rank_sums, "MOST_UNTIED", 0)
    assert counted < below_p(x, y) < 3 * counted


def test_extreme_samples_never_get_zero():
    assert 0.0 < below_p(np.arange(300.0), 1e3 + np.arange(300.0)) < 1e-150
