"""Classifier's e-value: Ville's level, mean at most one, growth near the divergence, and games that cheat."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.metrics import c2st_e
from gandiag.metrics.c2st_e import measure

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real[:1]), rng=np.random.default_rng(seed))


def p_value(measurement: Measurement) -> float:
    assert isinstance(measurement.null, KnownNull)
    assert measurement.null.p_value is not None
    return measurement.null.p_value.value


def null_results(reps: int, n: int, m: int) -> list[Measurement]:
    found = []
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        found.append(measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed))
    return found


def test_the_level_holds_and_the_mean_is_at_most_one() -> None:
    found = null_results(60, 40, 25)
    assert sum(p_value(m) <= 0.1 for m in found) <= binom.ppf(1 - 1e-4, 60, 0.1)
    values = np.array([m.e_value for m in found])
    assert values.mean() <= 1.0 + 4 * values.std() / np.sqrt(len(values))
    assert np.mean([m.estimate for m in found]) < 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(60, 60), (20, 90)])
def test_the_level_holds_over_many_repetitions(n: int, m: int) -> None:
    p = np.array([p_value(measurement) for measurement in null_results(500, n, m)])
    for alpha in (0.05, 0.1, 0.2):
        assert (p <= alpha).sum() <= binom.ppf(1 - 1e-4, 500, alpha)


def test_learning_from_the_batch_that_is_bet_on_would_lose_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    past = c2st_e.Game.past
    monkeypatch.setattr(c2st_e.Game, "past", lambda game, pairs: past(game, min(2 * pairs, len(game.real))))
    rejected = sum(p_value(m) <= 0.1 for m in null_results(30, 40, 25))
    assert rejected > binom.ppf(1 - 1e-4, 30, 0.1)


def test_what_it_earns_stays_below_the_divergence_and_comes_near_it() -> None:
    # 0.111396: Jensen-Shannon divergence of unit normals a unit apart.
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        found.append(measured(rng.normal(size=(1000, 1)), rng.normal(1.0, 1.0, size=(1000, 1)), seed).estimate)
    error = np.std(found) / np.sqrt(5)
    assert 0.07 < np.mean(found) < 0.1114 + 4 * error


def test_it_sees_a_scale_and_says_when_it_could_have_stopped() -> None:
    rng = np.random.default_rng(3)
    result = measured(rng.normal(size=(300, 2)), 2.0 * rng.normal(size=(200, 2)))
    details, path = result.details, result.arrays["log_wealth"]
    assert p_value(result) < 1e-3
    assert details["pairs_bet"] == len(path) == 200 - details["pairs_learned_first"]
    assert path[details["stopped_after"] - 1] >= math.log(20) > path[: details["stopped_after"] - 1].max()
    assert details["rows_without_partner"] == 100
    assert result.e_value == pytest.approx(math.exp(details["log_e"]))
    assert p_value(result) == pytest.approx(math.exp(-details["log_e_peak"]))


def test_separate_laws_give_a_huge_but_finite_value() -> None:
    rng = np.random.default_rng(4)
    result = measured(rng.normal(size=(900, 2)), rng.normal(size=(900, 2)) + 50.0)
    assert result.e_value is not None
    assert math.isfinite(result.e_value)
    assert result.estimate is not None
    assert 0.3 < result.estimate <= math.log(2.0)


def test_equal_rows_earn_nothing() -> None:
    result = measured(np.ones((12, 2)), np.ones((20, 2)))
    assert p_value(result) == 1.0
    assert result.e_value == pytest.approx(1.0)
    assert result.estimate == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(8, 8), (8, 50), (30, 9)])
def test_few_and_unequal_rows_are_answered(n: int, m: int) -> None:
    rng = np.random.default_rng(5)
    result = measured(rng.normal(size=(n, 3)), rng.normal(size=(m, 3)))
    assert result.details["pairs_bet"] >= 2
    assert p_value(result) == pytest.approx(math.exp(-max(0.0, result.details["log_e_peak"])))
