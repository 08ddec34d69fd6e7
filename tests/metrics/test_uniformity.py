"""Uniformity: the distance, both tests, what the draws can see, and wrong nulls rejected."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.uniformity import METRIC

Ids = NDArray[np.int64]


def measured(real: Ids, fake: Ids, seed: int = 0, **options: Any) -> Measurement:
    sides = {"real": real[:, None].astype(float), "fake": fake[:, None].astype(float)}
    return METRIC.measure(Comparison(**sides, fit=np.zeros((2, 1))), rng=np.random.default_rng(seed), **options)


def p_of(found: Measurement, draws: int = 199) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


def paninski(rng: np.random.Generator, rows: int, domain: int, far: float) -> Ids:
    """Draw from a fixed member of the family: even values hold more."""
    pair, high = rng.integers(domain // 2, size=rows), rng.random(rows) < 0.5 + far
    out: Ids = 2 * pair + np.where(high, 0, 1)
    return out


def test_a_small_table_has_its_distance() -> None:
    """Counts 3, 2, 1: c2 = 8/30; on six values the excess over 1/6 is 1/10."""
    fake = np.array([4, 4, 4, 9, 9, 1])
    found = measured(np.arange(6), fake, domain=6)
    assert found.estimate == pytest.approx(math.sqrt(8 / 30 - 1 / 6), rel=1e-12)
    assert found.details["collisions"] == 4
    assert found.details["collisions_expected"] == pytest.approx(15 / 6)
    assert found.details["c2_real"] == 0.0
    plug_in = math.sqrt(np.square([0.5, 1 / 3, 1 / 6]).sum() - 1 / 6)
    assert found.estimate != pytest.approx(plug_in, rel=0.01)


def level(reps: int, domain: int = 60, seed: int = 0) -> tuple[int, int, int]:
    """Count rejections at 5 %: of the relabelled test, of the uniform one, and of one with a Poisson null."""
    from scipy.stats import poisson

    rng, hits = np.random.default_rng(seed), np.zeros(3, dtype=int)
    for i in range(reps):
        found = measured(rng.integers(domain, size=40), rng.integers(domain, size=30), i, domain=domain)
        details = found.details
        limit = poisson.sf(details["collisions"] - 1, 0.5 * details["collisions_expected"])
        hits += [p_of(found, 99) <= 0.05, details["uniform_p"] <= 0.05, limit <= 0.05]
    return int(hits[0]), int(hits[1]), int(hits[2])


def test_both_tests_keep_their_level_and_half_the_pairs_do_not() -> None:
    relabelled, uniform, halved = level(100)
    assert relabelled <= 14  # exact binomial limit at 1e-4 for 100 repetitions at 5 %
    assert uniform <= 14
    assert halved > 30  # expecting m^2 / (4 N) collisions


@pytest.mark.slow
def test_both_tests_keep_their_level_over_many_repetitions() -> None:
    relabelled, uniform, _ = level(2000, seed=1)
    assert max(relabelled, uniform) <= 140
    assert uniform >= 40  # the count is discrete, so below 100


@pytest.mark.row(29)
def test_the_rule_of_two_roots_sees_the_hardest_law() -> None:
    """N = 2500, eps = 0.5: 400 draws; each of 20 members is found, each of 20 uniform samples passes at 2 %."""
    rng, domain = np.random.default_rng(2), 2500
    m = 400
    seen, alarms = 0, 0
    for i in range(20):
        far = measured(rng.integers(domain, size=m), paninski(rng, m, domain, 0.5), i, domain=domain, far=0.5)
        assert far.details["draws_for_far"] == m
        seen += far.details["uniform_p"] <= 0.02
        alarms += far.details["uniform_p_real"] <= 0.02
    assert seen >= 17  # power 0.99
    assert alarms <= 4  # binomial limit at 1e-4


def test_the_relabelled_test_has_power_too() -> None:
    rng = np.random.default_rng(3)
    found = measured(rng.integers(2500, size=600), paninski(rng, 600, 2500, 0.5), domain=2500)
    assert p_of(found) <= 0.02
    assert found.estimate == pytest.approx(math.sqrt(1 / 2500), rel=0.3)
    assert p_of(measured(rng.integers(2500, size=600), rng.integers(2500, size=600), domain=2500)) > 0.02


def test_a_fake_that_is_more_uniform_than_real_is_not_farther() -> None:
    rng = np.random.default_rng(6)
    found = measured(rng.integers(20, size=300), rng.integers(60, size=300), domain=60)
    assert p_of(found) > 0.9
    assert found.details["uniform_p"] > 0.001 >= found.details["uniform_p_real"]
    assert p_of(measured(rng.integers(60, size=300), rng.integers(20, size=300), domain=60)) == 1 / 200


def test_the_details_say_what_the_draws_can_see() -> None:
    rng = np.random.default_rng(4)
    details = measured(rng.integers(10_000, size=3200), rng.integers(10_000, size=3200), domain=10_000).details
    assert details["draws_for_far"] == 3200
    assert details["draws_for_far_loose"] == 25_600
    assert details["draws_for_far_l2"] == 256
    assert details["separation_at_far"] == pytest.approx(5.66, abs=0.01)
    assert details["tv_seen"] == pytest.approx(0.191, abs=0.001)
    few = measured(np.arange(4), np.arange(4), domain=10**6).details
    assert few["tv_seen"] is None  # four draws see nothing


def test_a_wrong_domain_is_noticed() -> None:
    rng = np.random.default_rng(5)
    small = measured(rng.integers(1000, size=400), rng.integers(1000, size=400), domain=10_000)
    assert any("real rows are not uniform" in note for note in small.warnings)
    large = measured(rng.integers(10**6, size=400), rng.integers(10**6, size=400), domain=1000)
    assert any("larger than declared" in note for note in large.warnings)
    right = measured(rng.integers(1000, size=400), rng.integers(1000, size=400), domain=1000)
    assert right.warnings == ()


def test_an_undeclared_or_impossible_domain() -> None:
    rows = np.arange(20)
    assert "not declared" in measured(rows, rows).reasons["estimate"]
    assert "more than the domain of 10" in measured(rows, rows, domain=10).reasons["estimate"]
    with pytest.raises(ConfigError, match="`domain` must be a number of values; got 0"):
        measured(rows, rows, domain=0)
    with pytest.raises(ConfigError, match=r"`domain` must be a number of values; got 20\.5"):
        measured(rows, rows, domain=20.5)
    # Rows of real beyond the domain are no reason not to answer, and one to doubt it.
    found = measured(rows, rows % 5, domain=10)
    assert found.details["distinct_real"] == 20
    assert any("real rows show 20 values" in note for note in found.warnings)
