"""Effective support: known laws, intervals that cover, a resampled training set, level, and bounds that are none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.effective_support import METRIC

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    real, fake = (x[:, None] if x.ndim == 1 else x for x in (real.astype(float), fake.astype(float)))
    return METRIC.measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_of(found: Measurement, draws: int = 99) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


@pytest.mark.row(25)
def test_a_small_table() -> None:
    """Row 25: counts 3, 2, 1 have c2 = 8/30, c3 = .05, N2 = 3.75; the finite form has (15 + 1)/(4 + 1)."""
    found = measured(np.arange(6), np.array([4, 4, 4, 9, 9, 1]))
    assert found.details["n2_plug_in"] == pytest.approx(3.75, rel=1e-12)
    assert found.estimate == pytest.approx(16 / 5, rel=1e-12)
    assert found.details["collision_entropy"] == pytest.approx(math.log(3.75), rel=1e-12)
    assert found.details["evenness"] == 1.0  # (8/30)^2 / .05 = 1.42, cut
    assert (found.details["pairs"], found.details["distinct"], found.details["pairs_real"]) == (4, 3, 0)


@pytest.mark.parametrize("law", ["uniform", "one heavy value"])
def test_the_interval_covers_and_the_poisson_bound_does_not(law: str) -> None:
    """100 repetitions at 95 %: a correct interval stays above 0.885 (3 sd). Without repeats in m draws the tempting
    bound is C(m, 2)/3; with one value of 3 % and dust it is wrong in a fifth of the samples.
    """
    rng, m = np.random.default_rng(2), 100
    held, naive = 0, 0
    truth = 1000.0 if law == "uniform" else 1 / 0.03**2
    for i in range(100):
        dust = rng.integers(10**9, size=m)
        fake = rng.integers(1000, size=m) if law == "uniform" else np.where(rng.random(m) < 0.03, -1, dust)
        interval = measured(dust, fake, i).interval
        assert interval is not None
        assert interval.low is not None
        held += interval.low <= truth <= (math.inf if interval.high is None else interval.high)
        naive += interval.high is not None or math.comb(m, 2) / 3 <= truth
    limit = 0.95 - 3 * math.sqrt(0.95 * 0.05 / 100)
    assert held / 100 >= limit
    if law != "uniform":
        assert naive / 100 < limit


@pytest.mark.row(39)
def test_a_resampled_training_set_of_500() -> None:
    """Row 39: N2 at most 500 (1 + 4 relative standard errors), and an interval that holds 500 and excludes 1000."""
    rng = np.random.default_rng(3)
    train = rng.normal(size=(500, 4))
    found = measured(rng.normal(size=(1000, 4)), train[rng.integers(500, size=1000)])
    relative = math.sqrt(500 / math.comb(1000, 2))
    assert found.estimate is not None
    assert abs(found.estimate - 500) <= 4 * relative * 500
    assert found.interval is not None
    assert found.interval.low is not None
    assert found.interval.high is not None
    assert found.interval.low < 500 < found.interval.high < 1000
    assert math.ceil(found.details["birthday_number"]) == pytest.approx(27, abs=1)
    assert found.details["n2_high_real"] is None
    assert p_of(found) == 0.01


def level(reps: int, seed: int) -> int:
    rng, hits = np.random.default_rng(seed), 0
    law = 1 / np.arange(1.0, 201)
    law /= law.sum()
    for i in range(reps):
        found = measured(rng.choice(200, size=50, p=law), rng.choice(200, size=30, p=law), i)
        hits += p_of(found) <= 0.05
    return hits


def test_the_test_keeps_its_level() -> None:
    assert level(80, 4) <= 13  # exact binomial limit at 1e-4


@pytest.mark.slow
def test_the_test_keeps_its_level_over_many_repetitions() -> None:
    assert level(2000, 5) <= 140


def test_a_smaller_support_is_found_and_a_larger_one_is_no_fault() -> None:
    rng = np.random.default_rng(6)
    large, small = rng.integers(2000, size=400), rng.integers(500, size=400)
    assert p_of(measured(large, small)) == 0.01
    assert p_of(measured(small, large)) > 0.9


def test_the_evenness_tells_a_uniform_law_from_a_heavy_value() -> None:
    rng = np.random.default_rng(7)
    even = measured(rng.integers(50, size=2000), rng.integers(50, size=2000)).details["evenness"]
    heavy = np.where(rng.random(2000) < 0.3, 0, rng.integers(50, size=2000))
    assert even > 0.95
    assert measured(heavy, heavy).details["evenness"] < 0.6


def test_without_any_repeat_it_says_that_it_knows_only_a_bound() -> None:
    rng = np.random.default_rng(8)
    found = measured(rng.normal(size=100), rng.normal(size=1000))
    assert isinstance(found.null, KnownNull)
    assert p_of(found) == 1.0
    assert found.status == "degraded"
    assert "no two fake rows are equal" in found.warnings[0]
    assert found.interval is not None
    assert found.interval.low == pytest.approx((1000 / 5.5716) ** 2, rel=1e-3)  # (1 + L) exp(-L) = .025
    assert found.interval.high is None
