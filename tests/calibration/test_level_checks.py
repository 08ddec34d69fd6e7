"""The checks of the null simulation accept exact tests and reject every wrong procedure that is known to be in use."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from gandiag.calibration.controls import negative_controls, smallest_of, without_the_observed
from gandiag.calibration.null_simulation import DELTA, level
from gandiag.calibration.uniformity import uniformity

Vector = NDArray[np.float64]


def exact_p_values(repetitions: int, seed: int, draws: int = 99) -> Vector:
    """The law of an exact permutation p-value without ties."""
    return (np.random.default_rng(seed).integers(0, draws + 1, size=repetitions) + 1.0) / (draws + 1)


@pytest.mark.parametrize(
    ("repetitions", "alpha", "low", "high"),
    [(500, 0.05, 0.016, 0.092), (1000, 0.05, 0.025, 0.079), (2000, 0.05, 0.032, 0.070), (10_000, 0.01, 0.0064, 0.0141)],
)
def test_the_limits_are_those_of_the_plan(repetitions: int, alpha: float, low: float, high: float) -> None:
    found = level(np.ones(repetitions), alpha)
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)


def test_an_exact_test_leaves_the_limits_with_their_chance() -> None:
    for alpha in (0.05, 0.01):
        found = level(np.ones(2000), alpha)
        above = binom.sf(round(found.high * 2000), 2000, alpha)
        below = binom.cdf(round(found.low * 2000) - 1, 2000, alpha)
        assert above <= DELTA / 2
        assert below <= DELTA / 2


def test_exact_p_values_pass_every_check() -> None:
    p = exact_p_values(2000, 0)
    assert level(p, 0.05).kept
    assert level(p, 0.01).kept
    assert uniformity(p).uniform
    assert uniformity(np.random.default_rng(1).random(2000), permuted=False).uniform


def test_the_uniformity_check_has_its_level() -> None:
    """Over 1000 simulations of exact p-values, as many fall below 0.05 as the exact law of the statistic says."""
    found = [uniformity(exact_p_values(200, seed), seed=seed) for seed in range(1000)]
    # The excess of discrete p-values is smaller than that of uniform ones: an upper limit only.
    assert sum(f.excess_p <= 0.05 for f in found) <= binom.ppf(1 - 1e-4, 1000, 0.05)
    low, high = binom.ppf([5e-5, 1 - 5e-5], 1000, 0.05)
    assert low <= sum(f.shortfall_p <= 0.05 for f in found) <= high


def test_a_shape_that_two_levels_miss_is_seen() -> None:
    """A third of p-values between 0.1 and 0.2: both levels are kept, the law is not."""
    rng = np.random.default_rng(2)
    p = np.where(rng.random(2000) < 0.3, rng.uniform(0.1, 0.2, 2000), np.random.default_rng(3).random(2000))
    assert level(p, 0.05).kept
    assert level(p, 0.01).kept
    assert not uniformity(p, permuted=False).valid


def test_a_conservative_test_is_valid_but_not_uniform() -> None:
    p = np.sqrt(np.random.default_rng(4).random(2000))
    found = uniformity(p, permuted=False)
    assert found.valid
    assert not found.uniform


def test_a_p_value_below_its_floor_is_seen() -> None:
    p = exact_p_values(2000, 5)
    assert not uniformity(without_the_observed(p, 99)).valid
    p[0] = 0.005
    assert not uniformity(p).valid
    assert uniformity(p, permuted=False).valid


def test_both_spoiled_copies_of_an_exact_test_are_rejected() -> None:
    found = negative_controls(exact_p_values(2000, 6), draws=99, permuted=True)
    assert found.rejected
    assert found.uncounted_rejected
    assert found.rate > found.limit


def test_a_test_that_never_rejects_has_no_control() -> None:
    found = negative_controls(np.ones(2000), draws=99, permuted=True)
    assert not found.rejected
    assert found.uncounted_rejected is None


def test_the_smallest_of_several_rejects_as_often_as_arithmetic_says() -> None:
    rate = level(smallest_of(np.random.default_rng(7).random(20_000), 5), 0.05).rate
    assert binomtest(round(rate * 4000), 4000, 1 - 0.95**5).pvalue > 1e-4


def test_the_limits_reject_a_test_that_forgets_the_observed_labelling() -> None:
    """p = k/B instead of (k + 1)/(B + 1): 0.0185 at 0.01 with B = 100."""
    rng = np.random.default_rng(0)
    rank = rng.integers(0, 101, size=4000)  # number of 100 null draws above the observed one
    assert not level(rank / 100.0, 0.01).kept
    assert level((rank + 1.0) / 101.0, 0.01).kept


def spread_p_values(repetitions: int, *, pooled: bool) -> Vector:
    """P-values of a difference in size, on distances in units of the real sample's own spread, or of the pool's."""
    rng = np.random.default_rng(1)
    p = []
    for _ in range(repetitions):
        pool = rng.normal(size=(24, 60))
        unit = pool if pooled else pool[:12]
        size = np.square((pool - unit.mean(axis=0)) / unit.std(axis=0)).sum(axis=1)
        labels = np.stack([np.arange(24), *(rng.permutation(24) for _ in range(19))])
        values = size[labels[:, 12:]].mean(axis=1) - size[labels[:, :12]].mean(axis=1)
        p.append(np.mean(values >= values[0]))
    return np.array(p)


def test_the_limits_reject_scaling_by_the_real_side_alone() -> None:
    """The observed labelling is then no longer one among equals; in units of the pool it is."""
    assert not level(spread_p_values(1000, pooled=False), 0.05).kept
    assert level(spread_p_values(1000, pooled=True), 0.05).kept


def tied_p_values(repetitions: int, *, strict: bool) -> Vector:
    """P-values of a difference of means of whole numbers, 10 against 7 rows, with 99 labellings."""
    rng = np.random.default_rng(2)
    pool = rng.poisson(1.0, size=(repetitions, 1, 17)) * np.ones((1, 100, 1))
    shuffled = rng.permuted(pool, axis=2)
    shuffled[:, 0] = pool[:, 0]
    values = shuffled[:, :, :10].mean(axis=2) - shuffled[:, :, 10:].mean(axis=2)
    slack = 1e-9 if strict else -1e-9
    return (1.0 + (values[:, 1:] >= values[:, :1] + slack).sum(axis=1)) / 100.0


def test_the_limits_reject_a_test_that_does_not_count_ties() -> None:
    assert not level(tied_p_values(8000, strict=True), 0.05).kept
    assert level(tied_p_values(8000, strict=False), 0.05).kept


def nearest_centre_hits(rng: np.random.Generator, repetitions: int, folds: int) -> tuple[NDArray[np.int64], int]:
    """Right answers of a nearest-centre critic on held-out rows: all folds in turn, or one half."""
    rows, labels = rng.normal(size=(repetitions, 100, 5)), np.arange(100) % 2
    hits = np.zeros(repetitions, dtype=np.int64)
    tested = 0
    for fold in range(folds if folds > 2 else 1):
        out = np.arange(100) // 2 % folds == fold
        centres = [rows[:, ~out & (labels == side)].mean(axis=1, keepdims=True) for side in (0, 1)]
        gaps = [np.square(rows[:, out] - centre).sum(axis=2) for centre in centres]
        hits += ((gaps[1] < gaps[0]) == labels[out]).sum(axis=1)
        tested += int(out.sum())
    return hits, tested


def test_the_limits_reject_cross_validated_accuracy_against_a_coin() -> None:
    """Folds share their training rows, so that their answers depend on each other; one held-out half is fine."""
    rng = np.random.default_rng(3)
    hits, tested = nearest_centre_hits(rng, 4000, 5)
    assert not level(binom.sf(hits - 1, tested, 0.5), 0.05).kept
    hits, tested = nearest_centre_hits(rng, 4000, 2)
    assert level(binom.sf(hits - 1, tested, 0.5), 0.05).kept


def test_the_limits_reject_a_null_accuracy_of_a_half_for_unequal_sizes() -> None:
    """With 100 real and 20 fake rows, who always says "real" is right five times in six."""
    hits = np.random.default_rng(4).binomial(60, 100 / 120, size=200)
    assert not level(binom.sf(hits - 1, 60, 0.5), 0.05).kept
    assert level(binom.sf(hits - 1, 60, 100 / 120), 0.05).kept


def peeking_p_values(repetitions: int, *, looks: int) -> Vector:
    """Smallest p-value of a z-test over several looks at growing data."""
    from scipy.special import ndtr

    walk = np.cumsum(np.random.default_rng(5).normal(size=(repetitions, looks)), axis=1)
    p: Vector = ndtr(-walk / np.sqrt(np.arange(1, looks + 1))).min(axis=1)
    return p


def test_the_limits_reject_a_test_that_stops_at_its_best_moment() -> None:
    assert not level(peeking_p_values(2000, looks=5), 0.05).kept
    assert level(peeking_p_values(2000, looks=1), 0.05).kept
