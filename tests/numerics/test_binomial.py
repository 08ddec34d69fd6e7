from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from gandiag.errors import ConfigError
from gandiag.numerics.binomial import (
    accuracy_power,
    accuracy_sample_size,
    advantage_interval,
    auc_to_total_variation,
    clopper_pearson,
    exact_accuracy_power,
    fisher_p,
    hypergeometric_pmf,
)

HALF_SHIFT = stats.norm.cdf(0.25) - 0.5  # edge of the best critic for unit Gaussians half a unit apart


@pytest.mark.row(4)
def test_power_formula_and_exact_power_agree_with_the_published_case():
    # Row 4 of the verification table; quoted to 5 digits.
    assert accuracy_power(HALF_SHIFT, 200) == pytest.approx(0.87900, abs=1e-5)
    power, size = exact_accuracy_power(HALF_SHIFT, 200)
    assert power == pytest.approx(0.85182, abs=1e-5)
    assert size == pytest.approx(0.03842, abs=1e-5)
    # Teeth: the two-sided quantile instead of the one-sided one.
    assert accuracy_power(HALF_SHIFT, 200, level=0.025) != pytest.approx(0.87900, abs=1e-5)


def test_exact_power_is_that_of_the_smallest_critical_count():
    for tested in (1, 5, 31, 200):
        counts = np.arange(tested + 1)
        reject = stats.binom.sf(counts - 1, tested, 0.5) <= 0.05
        power, size = exact_accuracy_power(0.2, tested)
        assert size == pytest.approx(stats.binom.pmf(counts, tested, 0.5)[reject].sum(), abs=1e-12)
        assert power == pytest.approx(stats.binom.pmf(counts, tested, 0.7)[reject].sum(), abs=1e-12)


@pytest.mark.row(5)
def test_sample_size_inverts_the_power_formula():
    needed = accuracy_sample_size(HALF_SHIFT, power=0.8)
    assert needed == pytest.approx(156.54, abs=1e-2)  # row 5
    for edge in (0.02, 0.1, 0.3):
        size = accuracy_sample_size(edge, power=0.95, level=0.001)
        assert accuracy_power(edge, size, level=0.001) == pytest.approx(0.95, abs=1e-9)


@pytest.mark.row(9)
def test_fisher_p_of_the_published_case_is_not_the_binomial_one():
    found = fisher_p(59, 100, 41, 100)
    assert found == pytest.approx(0.0079989, abs=1e-6)  # row 9
    assert found == pytest.approx(stats.fisher_exact([[59, 41], [41, 59]], "greater").pvalue, rel=1e-9)
    binomial = stats.binom.sf(117, 200, 0.5)
    assert binomial == pytest.approx(0.0065652, abs=1e-6)
    assert found > binomial + 1e-3


def test_fisher_p_is_the_permutation_p_value_of_all_relabellings():
    called = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0], dtype=bool)
    real = (0, 1, 2, 3)
    hits = int(called[list(real)].sum())
    as_good = [called[list(chosen)].sum() >= hits for chosen in combinations(range(9), 4)]
    assert fisher_p(hits, 4, int(called.sum()) - hits, 5) == pytest.approx(np.mean(as_good), abs=1e-12)
    strictly_better = np.mean([called[list(chosen)].sum() > hits for chosen in combinations(range(9), 4)])
    assert abs(strictly_better - np.mean(as_good)) > 0.01


def test_fisher_p_is_one_when_the_critic_says_the_same_of_all():
    assert fisher_p(10, 10, 30, 30) == 1.0
    assert fisher_p(0, 10, 0, 30) == 1.0


def test_hypergeometric_mass_matches_scipy_far_into_the_tail():
    counts, mass = hypergeometric_pmf(900, 2500, 1500)
    assert mass == pytest.approx(stats.hypergeom.pmf(counts, 4000, 2500, 900), rel=1e-8, abs=1e-290)
    assert mass.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.row(10)
def test_accuracy_bound_of_the_published_case():
    low, high = clopper_pearson(118, 200, sided="lower")
    assert (low, high) == (pytest.approx(0.529573, abs=1e-6), 1.0)  # row 10
    bound, _ = advantage_interval(59, 100, 41, 100, sided="lower")
    assert bound == pytest.approx(0.059146, abs=1e-6)
    two_sided, _ = clopper_pearson(118, 200)
    assert abs(two_sided - 0.529573) > 1e-3


@pytest.mark.row(11)
def test_bound_from_the_area_of_the_published_case_stays_below_the_truth():
    assert auc_to_total_variation(0.76025) == pytest.approx(0.307541, abs=1e-6)  # row 11
    assert auc_to_total_variation(0.76025) <= 0.382925
    assert auc_to_total_variation(1.0) == 1.0
    assert auc_to_total_variation(0.5) == auc_to_total_variation(0.2) == 0.0
    # 2 AUC - 1 is no lower bound on total variation: the published case is its counterexample.
    assert 2 * 0.76025 - 1 > 0.382925


@pytest.mark.parametrize(("trials", "sided"), [(7, "two-sided"), (50, "two-sided"), (50, "lower"), (31, "upper")])
def test_intervals_of_a_share_cover_at_least_their_level(trials, sided):
    counts = np.arange(trials + 1)
    bounds = np.array([clopper_pearson(int(c), trials, sided=sided) for c in counts])
    assert _least_coverage(bounds, trials) >= 0.95
    # Teeth: the textbook normal interval fails the same check.
    share = counts / trials
    reach = 1.96 * np.sqrt(share * (1 - share) / trials)
    assert _least_coverage(np.stack([share - reach, share + reach], axis=1), trials) < 0.95


def _least_coverage(bounds, trials):
    mass = {p: stats.binom.pmf(np.arange(trials + 1), trials, p) for p in np.linspace(0.01, 0.99, 197)}
    return min(pmf[(bounds[:, 0] <= p) & (p <= bounds[:, 1])].sum() for p, pmf in mass.items())


@pytest.mark.parametrize(("real", "fake"), [(6, 11), (9, 9)])
def test_advantage_intervals_cover_for_equal_and_unequal_sizes(real, fake):
    # Exact: every pair of counts, weighted by its probability. Equal sizes have unequal success probabilities here.
    hits, alarms = np.meshgrid(np.arange(real + 1), np.arange(fake + 1), indexing="ij")

    def least_coverage(interval):
        bounds = np.array([interval(int(h), int(a)) for h, a in zip(hits.ravel(), alarms.ravel(), strict=True)])
        found = []
        for p in np.linspace(0.05, 0.95, 13):
            for q in np.linspace(0.05, 0.95, 13):
                mass = np.outer(
                    stats.binom.pmf(np.arange(real + 1), real, p), stats.binom.pmf(np.arange(fake + 1), fake, q)
                )
                inside = (bounds[:, 0] <= p - q + 1e-12) & (p - q <= bounds[:, 1] + 1e-12)
                found.append(mass.ravel()[inside].sum())
        return min(found)

    def wald(h, a):
        p, q = h / real, a / fake
        reach = 1.96 * math.sqrt(p * (1 - p) / real + q * (1 - q) / fake)
        return p - q - reach, p - q + reach

    assert least_coverage(lambda h, a: advantage_interval(h, real, a, fake)) >= 0.95
    assert least_coverage(wald) < 0.95


def test_one_sided_advantage_bounds_use_the_opposite_side_of_the_alarms():
    low, high = advantage_interval(18, 20, 2, 30, sided="lower")
    assert high == 1.0
    assert 0.4 < low < 18 / 20 - 2 / 30
    low, high = advantage_interval(18, 20, 2, 30, sided="upper")
    assert low == -1.0
    assert 18 / 20 - 2 / 30 < high < 1.0


def test_wrong_counts_levels_and_edges_are_refused():
    with pytest.raises(ConfigError, match="0 <= successes <= trials"):
        clopper_pearson(5, 4)
    with pytest.raises(ConfigError, match="`level` must lie strictly between 0 and 1"):
        clopper_pearson(1, 4, level=1.0)
    with pytest.raises(ConfigError, match=r"`edge` is an accuracy above one half, minus one half"):
        accuracy_power(0.5, 10)
    with pytest.raises(ConfigError, match=r"`edge` is an accuracy above one half, minus one half"):
        accuracy_sample_size(0.0)
