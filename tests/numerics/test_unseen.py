"""The unseen: intervals of the support and of the values unseen, exact statements, and wrong bounds rejected."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.counts import birthday_median, chao1, collision_moment, missing_mass, no_repeat_probability
from gandiag.numerics.unseen import (
    birthday_number,
    chao1_interval,
    chao1_variance,
    close_threshold,
    good_toulmin,
    least_values,
    missing_mass_bound,
    no_repeat_bound,
    support_estimate,
    support_lognormal_interval,
    support_upper_by_batches,
)


def counts_of(law: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    found = rng.multinomial(draws, law)
    return found[found > 0]


# -- support


def test_the_added_ones_make_the_support_estimate_nearly_unbiased() -> None:
    """400 values, 90 draws, ten repeats expected: a spread of 32 %, so four errors of 4000 repetitions are 2 %."""
    rng = np.random.default_rng(0)
    pairs = np.array([(c * (c - 1) / 2).sum() for c in rng.multinomial(90, np.full(400, 1 / 400), size=4000)])
    found = support_estimate(pairs, 90)
    assert found.mean() == pytest.approx(400, rel=0.03)
    plain = math.comb(90, 2) / pairs[pairs > 0]
    assert plain.mean() > 430  # Jensen: the inverse of an unbiased estimate is biased upwards
    assert np.isfinite(support_estimate(np.array([0.0]), 90)).all()


def test_the_lognormal_interval_covers_where_repeats_are_many() -> None:
    """Zipf's law and the uniform one, about 60 and 125 pairs: 300 repetitions at 95 % stay above 0.91 (3 sd)."""
    rng = np.random.default_rng(1)
    zipf = 1 / np.arange(1.0, 1001)
    for law, draws in ((zipf / zipf.sum(), 300), (np.full(1000, 1e-3), 500)):
        truth, held = 1 / np.square(law).sum(), 0
        for _ in range(300):
            interval = support_lognormal_interval(counts_of(law, draws, rng))
            assert interval is not None
            held += interval[0] <= truth <= interval[1]
        assert held >= 273
    assert support_lognormal_interval(np.ones(9, dtype=np.int64)) is None
    assert support_lognormal_interval(np.array([2])) is None


def test_batches_bound_the_support_at_their_level() -> None:
    """365 values in 20 batches of 23: half of them repeat. The union bound loses a third, so the bound seldom fails."""
    rng = np.random.default_rng(2)
    bounds = [support_upper_by_batches(rng.integers(365, size=460), 0.95) for _ in range(200)]
    found = np.array([math.inf if b is None else b for b in bounds])
    assert (found >= 365).mean() >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 200)
    assert np.median(found) < 4 * 365
    # The share itself instead of its lower bound is no bound.
    share = np.array([math.comb(23, 2) / max(rate, 0.05) for rate in rng.binomial(20, 0.5073, size=200) / 20])
    assert (share >= 365).mean() < 0.99
    assert (share * 0.5073 / 0.6931 >= 365).mean() < 0.9  # corrected for the union bound, it fails half of the time
    assert support_upper_by_batches(np.arange(100)) is None
    assert support_upper_by_batches(np.zeros(30, dtype=np.int64)) is None


# -- statements on mass


def no_repeat_exactly(set_law: list[float], draws: int) -> float:
    """Probability that draws from a few heavy values and infinitely many light ones do not repeat, by enumeration."""
    rest = 1.0 - sum(set_law)
    total = 0.0
    for outcome in product(range(len(set_law) + 1), repeat=draws):
        heavy = [o for o in outcome if o < len(set_law)]
        if len(set(heavy)) == len(heavy):
            total += math.prod([set_law[o] for o in heavy]) * rest ** (draws - len(heavy))
    return total


def test_the_exact_bound_of_no_repeat_is_attained_by_uniform_mass() -> None:
    for law in ([0.1] * 5, [0.25, 0.25], [0.5]):
        for draws in (2, 3, 5):
            assert no_repeat_bound(sum(law), len(law), draws) == pytest.approx(no_repeat_exactly(law, draws), rel=1e-10)
    assert no_repeat_bound(0.5, 2, 4) > no_repeat_exactly([0.4, 0.1], 4)


def test_the_exponential_bound_of_the_literature_is_wrong_for_few_draws() -> None:
    """mass 1/2 on one value, two draws: no repeat with 3/4, the formula promises at most 0.607."""
    assert no_repeat_bound(0.5, 1, 2) == pytest.approx(0.75, rel=1e-12)
    assert math.exp(-(2**2 - 2) * 0.5 / (2 * 1)) < 0.75
    assert 1 - no_repeat_bound(0.5, 10, 5) < 1 - math.exp(-(5**2 - 5) * 0.25 / (2 * 10))  # even squared, by a hair


def test_the_whole_mass_gives_the_birthday_problem() -> None:
    for values in (23, 365):
        assert no_repeat_bound(1.0, values, 20) == pytest.approx(no_repeat_probability(values, 20), rel=1e-12)
    least = least_values(1.0, 23, level=0.5)
    assert no_repeat_probability(least - 1, 23) <= 0.5 < no_repeat_probability(least, 23)


def test_least_values_is_the_edge_of_what_no_repeat_excludes() -> None:
    for mass, draws in ((0.5, 200), (0.1, 1000)):
        least = least_values(mass, draws)
        assert no_repeat_bound(mass, least - 1, draws) <= 0.05 < no_repeat_bound(mass, least, draws)
    assert least_values(0.5, 2) == 1  # two draws exclude nothing
    with pytest.raises(ConfigError, match="a mass lies in"):
        no_repeat_bound(1.5, 3, 2)


def test_the_birthday_number_is_within_one_of_the_exact_median() -> None:
    for values in (10, 100, 365, 1000, 160_000):
        assert abs(math.ceil(birthday_number(values)) - birthday_median(values)) <= 1
    assert birthday_number(1.0) == pytest.approx(1.7, abs=0.1)


# -- values unseen


@pytest.mark.row(33)
def test_chao1_and_its_classical_variance() -> None:
    """Row 33: f1 = 10, f2 = 4, m = 60; 8.85 more values, variance 114.06."""
    counts = np.repeat([1, 2, 3], [10, 4, 14])
    assert chao1(counts) - len(counts) == pytest.approx(8.85, rel=1e-12)
    assert chao1_variance(counts) == pytest.approx(114.06, abs=0.005)
    low, high = chao1_interval(counts)
    assert len(counts) < low < chao1(counts) < high
    assert low != pytest.approx(chao1(counts) - 1.96 * math.sqrt(114.06), rel=0.1)  # which lies below what was seen


@pytest.mark.row(34)
def test_chao1_on_a_uniform_law_and_the_coverage_of_its_interval() -> None:
    """Row 34: 1000 values, 500 draws, mean 1000 and sd 104; the interval holds them in most of 300 repetitions."""
    rng = np.random.default_rng(3)
    all_counts = [counts_of(np.full(1000, 1e-3), 500, rng) for _ in range(300)]
    estimates = np.array([chao1(c) for c in all_counts])
    assert abs(estimates.mean() - 1000) < 4 * 104 / math.sqrt(300)
    held = sum(low <= 1000 <= high for low, high in map(chao1_interval, all_counts))
    assert held >= 300 * 0.95 - 4 * math.sqrt(300 * 0.95 * 0.05)
    seen = np.mean([len(c) for c in all_counts])
    assert seen < 420  # what a count of distinct values takes for the support


@pytest.mark.row(35)
def test_good_turing_coverage_on_a_uniform_law() -> None:
    """Row 35: .39362 within .01; the share of the support seen is the truth that it estimates."""
    rng = np.random.default_rng(4)
    found = [1 - missing_mass(counts_of(np.full(1000, 1e-3), 500, rng)) for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.39362, abs=0.01)
    assert np.mean(found) == pytest.approx(1 - 0.999**500, abs=0.01)


def test_the_bound_of_the_missing_mass_holds() -> None:
    rng = np.random.default_rng(5)
    zipf = 1 / np.arange(1.0, 2001)
    zipf /= zipf.sum()
    for law, draws in ((zipf, 800), (np.full(500, 0.002), 1500)):
        failed = 0
        for _ in range(100):
            found = rng.multinomial(draws, law)
            failed += law[found == 0].sum() > missing_mass_bound(found, 0.95)
        assert failed <= 5 + 4 * math.sqrt(100 * 0.05 * 0.95)
    assert missing_mass_bound(np.ones(3, dtype=np.int64)) == 1.0
    assert missing_mass_bound(np.full(2000, 50)) < 0.05
    for level in (0.0, 1.0, 1.5):
        with pytest.raises(ConfigError, match="strictly between 0 and 1"):
            missing_mass_bound(np.ones(3, dtype=np.int64), level)


@pytest.mark.parametrize("more", [0.5, 1.0, 3.0])
def test_good_toulmin_predicts_new_values(more: float) -> None:
    """Zipf's law on 5000 values, 1000 draws: within a fifth of what further draws do show, on the average of 100."""
    rng = np.random.default_rng(6)
    law = 1 / np.arange(1.0, 5001)
    law /= law.sum()
    guessed, shown = [], []
    for _ in range(100):
        first, second = rng.multinomial(1000, law), rng.multinomial(int(1000 * more), law)
        guessed.append(good_toulmin(first, more))
        shown.append(int(((first == 0) & (second > 0)).sum()))
    assert np.mean(guessed) == pytest.approx(np.mean(shown), rel=0.2)


def test_without_smoothing_the_series_is_useless_beyond_twice_the_draws() -> None:
    rng = np.random.default_rng(7)
    law = 1 / np.arange(1.0, 5001)
    law /= law.sum()
    plain = []
    for _ in range(50):
        seen = np.bincount(rng.multinomial(1000, law))
        i = np.arange(1.0, len(seen))
        plain.append(-((-3.0) ** i * seen[1:]).sum())
    assert np.std(plain) > 1e6
    assert 0.0 <= good_toulmin(np.array([1, 1, 2, 9]), 3.0) <= 3 * 13
    with pytest.raises(ConfigError, match="a prediction looks at more draws"):
        good_toulmin(np.array([1, 2]), 0.0)


def test_the_threshold_has_the_expected_number_of_pairs() -> None:
    """Normal rows in the plane, 400 of them: five pairs in the mean of 40 repetitions, within four standard errors."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(40):
        tau = close_threshold(rng.normal(size=(800, 2)), 400, 5.0)
        rows = rng.normal(size=(400, 2))
        squares = np.square(rows[:, None] - rows[None]).sum(axis=2)
        found.append((np.count_nonzero(squares <= tau**2) - 400) / 2)
    assert abs(np.mean(found) - 5) < 4 * np.std(found) / math.sqrt(40)
    with pytest.raises(TooFewSamplesError, match="a distance is between two rows; got 1"):
        close_threshold(np.zeros((1, 2)), 10, 5.0)


def test_the_collision_probability_is_what_the_support_inverts() -> None:
    counts = np.array([3, 2, 1])
    assert support_estimate(np.array([4.0]), 6)[0] == pytest.approx(16 / 5)
    assert 1 / collision_moment(counts) == pytest.approx(15 / 4)
