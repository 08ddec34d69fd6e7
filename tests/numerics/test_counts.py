"""Equal rows, collision moments, unseen mass, and bounds on the effective support that hold for every law."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.counts import (
    birthday_median,
    chao1,
    collision_moment,
    collision_variance,
    missing_mass,
    no_repeat_probability,
    support_by_batches,
    support_lower_bound,
    support_upper_bound,
)

Vector = NDArray[np.float64]


def zipf(atoms: int) -> Vector:
    weights = 1.0 / np.arange(1, atoms + 1)
    out: Vector = weights / weights.sum()
    return out


def heavy(atom: float, dust: int = 10**6) -> Vector:
    return np.concatenate([[atom], np.full(dust, (1.0 - atom) / dust)])


def draws(p: Vector, m: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.minimum(np.searchsorted(np.cumsum(p), rng.random(m)), len(p) - 1)


# -- collision moments


@pytest.mark.row(25)
def test_collision_moments_of_a_small_table() -> None:
    counts = np.array([3, 2, 1])
    assert collision_moment(counts) == pytest.approx(8 / 30, rel=1e-12)
    assert collision_moment(counts, 3) == pytest.approx(0.05, rel=1e-12)
    assert 1 / collision_moment(counts) == pytest.approx(3.75, rel=1e-12)
    assert np.square(counts / 6).sum() != pytest.approx(8 / 30, rel=1e-3)  # the plug-in is biased upwards


def enumerated(p: Vector, m: int) -> tuple[float, float, float]:
    """Mean of the second- and third-order estimates, and variance of the first, over all ordered outcomes."""
    values, thirds, weights = [], [], []
    for outcome in product(range(len(p)), repeat=m):
        counts = np.bincount(outcome, minlength=len(p))
        values.append(collision_moment(counts))
        thirds.append(collision_moment(counts, 3))
        weights.append(float(np.prod(p[list(outcome)])))
    v, w = np.array(values), np.array(weights)
    mean = float(w @ v)
    return mean, float(w @ np.array(thirds)), float(w @ np.square(v - mean))


@pytest.mark.parametrize("p", [[0.5, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25], [0.9, 0.1]])
def test_collision_moments_are_unbiased_with_the_stated_variance_by_enumeration(p: list[float]) -> None:
    law = np.array(p)
    mean, third, variance = enumerated(law, 5)
    c2, c3 = float((law**2).sum()), float((law**3).sum())
    assert mean == pytest.approx(c2, rel=1e-12)
    assert third == pytest.approx(c3, rel=1e-12)
    assert variance == pytest.approx(collision_variance(c2, c3, 5), rel=1e-10)
    independent_pairs = (c2 - c2**2) / math.comb(5, 2)  # forgets that pairs share a draw
    if c3 - c2**2 > 1e-12:
        assert variance != pytest.approx(independent_pairs, rel=0.05)


GEOMETRIC = 0.3 * 0.7 ** np.arange(200)
POISSON = np.exp(-3.0 + np.arange(60) * math.log(3.0) - [math.lgamma(k + 1) for k in range(60)])


@pytest.mark.row(26, 27, 28)
@pytest.mark.parametrize(
    ("law", "c2", "sd"),
    [
        (np.full(1000, 0.001), 0.001, 0.000224056),
        (zipf(1000), 0.0293391, 0.0064291),
        (GEOMETRIC, 0.176471, None),
        (POISSON, 0.166657, None),
    ],
    ids=["uniform", "zipf", "geometric", "poisson"],
)
def test_collision_probability_of_known_laws(law: Vector, c2: float, sd: float | None) -> None:
    """4000 repetitions: the mean's standard error is sd/63, the sd's relative one about 1.5 %, more for skewed laws."""
    assert float((law**2).sum()) == pytest.approx(c2, abs=1e-6)
    true_sd = math.sqrt(collision_variance(float((law**2).sum()), float((law**3).sum()), 200))
    assert sd is None or true_sd == pytest.approx(sd, rel=1e-4)
    rng = np.random.default_rng(3)
    found = np.array([collision_moment(np.bincount(draws(law, 200, rng))) for _ in range(4000)])
    assert abs(found.mean() - c2) < 4 * true_sd / math.sqrt(4000)
    assert found.std() == pytest.approx(true_sd, rel=0.06)


def test_a_collision_needs_as_many_rows_as_its_order() -> None:
    with pytest.raises(TooFewSamplesError, match="a collision of 2 rows needs 2 rows; got 1"):
        collision_moment(np.array([1]))


# -- the unseen


@pytest.mark.row(33)
def test_chao1_adds_what_singletons_suggest() -> None:
    """With 40 atoms seen, 10 once and 4 twice in 60 draws: 40 + (59/60) 10 9 / (2 5) = 48.85."""
    counts = np.repeat([1, 2, 3], [10, 4, 14])  # 60 draws
    assert chao1(counts) - len(counts) == pytest.approx(48.85 - 40, rel=1e-12)
    assert chao1(counts) - len(counts) != pytest.approx(10**2 / (2 * 4), rel=0.05)  # the uncorrected form
    assert chao1(np.array([2, 2, 0])) == 2.0


@pytest.mark.row(34, 35)
def test_chao1_and_missing_mass_on_a_uniform_law() -> None:
    """1000 atoms, 500 draws: sd of Chao1 is 104 and of the coverage below 0.03, so 300 repetitions give 6 and 0.002."""
    rng = np.random.default_rng(4)
    counts = [np.bincount(rng.integers(1000, size=500)) for _ in range(300)]
    estimates = np.array([chao1(c) for c in counts])
    assert abs(estimates.mean() - 1000.0) < 4 * 104 / math.sqrt(300)
    assert 85 < estimates.std() < 125
    seen = 1.0 - np.mean([missing_mass(c) for c in counts])
    assert seen == pytest.approx(1.0 - (1.0 - 0.001) ** 500, abs=0.01)
    assert seen == pytest.approx(0.39362, abs=0.01)


# -- birthdays


@pytest.mark.row(30)
def test_birthday_numbers() -> None:
    assert [birthday_median(n) for n in (365, 100, 1000, 160_000, 10**6)] == [23, 13, 38, 472, 1178]
    assert 1.0 - no_repeat_probability(365, 23) == pytest.approx(0.507297, abs=1e-6)
    assert no_repeat_probability(3, 4) == 0.0
    assert no_repeat_probability(4, 3) == pytest.approx(4 * 3 * 2 / 64, rel=1e-12)


@pytest.mark.row(31)
def test_the_rule_of_thumb_for_batches_with_a_repeat_half_the_time() -> None:
    assert support_by_batches(400, 0.5) == 159_600
    with pytest.raises(ConfigError, match="`rate` must lie in"):
        support_by_batches(400, 0.0)


# -- bounds on the effective support


@pytest.mark.row(32)
def test_the_lower_bound_without_repeats_has_the_constants_of_the_single_atom() -> None:
    for level, constant in ((0.95, 4.743865), (0.99, 6.638352)):
        assert support_lower_bound(1000, 0, level) == pytest.approx((1000 / constant) ** 2, rel=1e-5)
    assert support_lower_bound(1000, 0) == pytest.approx(44_436, rel=1e-5)


def test_the_lower_bound_falls_with_repeats_and_ends_at_one() -> None:
    bounds = [support_lower_bound(1000, pairs) for pairs in (0, 1, 2, 10, 100, 1000, 10**5, math.comb(1000, 2))]
    assert all(a > b for a, b in pairwise(bounds))
    assert bounds[-1] == 1.0


def coverage_of(law: Vector, m: int, repetitions: int, tail: float = 0.05) -> tuple[float, float, float]:
    """Share of repetitions in which the lower bound, the upper bound and the naive Poisson bound hold."""
    rng = np.random.default_rng(5)
    true, lower, upper, naive = 1.0 / float((law**2).sum()), 0, 0, 0
    for _ in range(repetitions):
        ids = draws(law, m, rng)
        counts = np.unique(ids, return_counts=True)[1]
        pairs = int((counts * (counts - 1) // 2).sum())
        high = support_upper_bound(ids, 1 - tail)
        lower += support_lower_bound(m, pairs, 1 - tail) <= true
        upper += high is None or high >= true
        naive += pairs > 0 or math.comb(m, 2) / -math.log(tail) <= true
    return lower / repetitions, upper / repetitions, naive / repetitions


# The bounds are tight where repeats are few: one heavy atom is the worst law for the lower bound, and atoms that rarely
# repeat are for the upper one.
LAWS = {
    "uniform": (np.full(1000, 0.001), 60),
    "uniform, dense": (np.full(20, 0.05), 200),
    "rare repeats": (np.full(20_000, 1 / 20_000), 40),
    "zipf": (zipf(1000), 100),
    "heavy atom": (heavy(0.047, 10**5), 100),
    "heavier atom": (heavy(0.3, 10**5), 100),
}


@pytest.mark.parametrize("law", LAWS)
def test_bounds_on_the_support_hold_at_their_level(law: str) -> None:
    """400 repetitions at 95 %: a correct bound misses by more than 3 standard errors (3.3 %) once in 700."""
    p, m = LAWS[law]
    lower, upper, _ = coverage_of(p, m, 400)
    limit = 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)
    assert lower >= limit
    assert upper >= limit


def test_the_coverage_check_rejects_the_poisson_bound() -> None:
    """With one atom of 3 % some 19 % of samples of 100 draws have no repeat, and the bound is then 1652, truth 1110."""
    lower, _, naive = coverage_of(heavy(0.03, 10**5), 100, 400)
    assert lower >= 0.95
    assert naive < 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)


@pytest.mark.slow
@pytest.mark.parametrize("m", [50, 200, 1000])
@pytest.mark.parametrize("atom", [0.002, 0.005, 0.02, 0.05, 0.1, 0.3, 0.7])
def test_bounds_hold_for_heavy_atoms_of_every_size(atom: float, m: int) -> None:
    lower, upper, _ = coverage_of(heavy(atom, 10**5), m, 4000)
    assert min(lower, upper) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 4000)


def test_bounds_on_the_support_are_of_use() -> None:
    """1000 draws from 1000 equal atoms: between a third and twice the truth."""
    ids = np.random.default_rng(6).integers(1000, size=1000)
    counts = np.bincount(ids)
    low = support_lower_bound(1000, int((counts * (counts - 1) // 2).sum()), 0.975)
    high = support_upper_bound(ids, 0.975)
    assert high is not None
    assert 333 < low < 1000 < high < 2000


def test_without_repeats_there_is_no_upper_bound() -> None:
    assert support_upper_bound(np.arange(100)) is None
    assert support_upper_bound(np.zeros(2, dtype=np.int64)) is not None
    assert support_upper_bound(np.zeros(1, dtype=np.int64)) is None


def test_a_level_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="`level` must lie strictly between 0 and 1; got 1"):
        support_lower_bound(10, 0, 1.0)
    with pytest.raises(ConfigError, match="`level` must lie strictly between 0 and 1; got 0"):
        support_upper_bound(np.arange(3), 0.0)
