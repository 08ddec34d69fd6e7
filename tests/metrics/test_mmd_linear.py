"""Linear-time discrepancy: worked case, closed form, exact signs, honest interval, and overlapping quadruples."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.errors import ConfigError
from gandiag.metrics.mmd_linear import measure, quadruple_values, sign_flip_p_value

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, flips: int = 99, bandwidth: float | None = None) -> Measurement:
    comparison = Comparison(real=real, fake=fake, fit=real)
    return measure(comparison, rng=np.random.default_rng(seed), flips=flips, bandwidth=bandwidth)


def p_value(found: Measurement) -> float:
    assert isinstance(found.null, KnownNull)
    assert found.null.p_value is not None
    return found.null.p_value.value


def test_one_quadruple_is_the_worked_example() -> None:
    # Verification row 13's four points; with one quadruple both estimators use the same kernel values but one pairing.
    found = quadruple_values(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]), 1.0)
    expected = 2 * np.exp(-0.5) - np.exp(-4.5) - np.exp(-0.5)
    assert found == pytest.approx([expected], rel=1e-12)
    assert len(quadruple_values(np.zeros((7, 1)), np.zeros((4, 1)), 1.0)) == 2


def test_signs_are_exact_on_three_values() -> None:
    # All 8 sign vectors of (1, 2, 4): the observed sum 7 is reached once, so p is near 1/8.
    p = sign_flip_p_value(np.array([1.0, 2.0, 4.0]), flips=20_000, rng=np.random.default_rng(0))
    assert abs(p - 1 / 8) < 4 * np.sqrt(1 / 8 * 7 / 8 / 20_000)
    assert sign_flip_p_value(np.zeros(5), flips=99, rng=np.random.default_rng(0)) == 1.0


def test_the_mean_is_the_closed_form_and_the_interval_covers() -> None:
    # 0.177268: verification row 14's first law. 0 under equal laws.
    for shift, expected in ((1.0, 0.177268), (0.0, 0.0)):
        found, covered = [], 0
        for seed in range(200):
            rng = np.random.default_rng(seed)
            answer = measured(rng.normal(size=(400, 1)), rng.normal(size=(400, 1)) + shift, seed, 9, bandwidth=1.0)
            assert answer.interval is not None
            covered += answer.interval.low <= expected <= answer.interval.high  # type: ignore[operator]
            found.append(answer.estimate)
        values = np.array(found, dtype=float)
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(200)
        assert binom.ppf(1e-4, 200, 0.95) <= covered


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(measured(rng.normal(size=(24, 2)), rng.normal(size=(20, 2)), seed)) <= 0.05
    return count


def test_the_level_is_exact_with_ten_quadruples() -> None:
    assert 5 <= level(400) <= 41  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_level_is_exact_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_the_error_of_overlapping_quadruples_called_independent_is_too_small() -> None:
    # Every row is in two of them: where the laws differ, their values go together.
    expected = 2.0 * (gaussian_mean(0.0) - gaussian_mean(2.0))
    covered = {"overlapping": 0, "apart": 0}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(200, 1)), rng.normal(size=(200, 1)) + 2.0
        apart = quadruple_values(x, y, 1.0)
        both = np.concatenate([apart, quadruple_values(x[1:], y[1:], 1.0)])
        for name, values in (("apart", apart), ("overlapping", both)):
            covered[name] += abs(values.mean() - expected) <= 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    limit = binom.ppf(1e-4, 400, 0.95)
    assert covered["apart"] >= limit
    assert covered["overlapping"] < limit


def gaussian_mean(shift: float) -> float:
    """E k(X, Y) for unit normals ``shift`` apart at bandwidth 1."""
    return float(np.exp(-(shift**2) / 6.0) / np.sqrt(3.0))


def test_it_sees_a_shift_given_many_rows() -> None:
    rng = np.random.default_rng(1)
    found = [p_value(measured(rng.normal(size=(4000, 2)), rng.normal(size=(4000, 2)) + 0.45, i)) for i in range(8)]
    assert sum(p <= 0.05 for p in found) >= 7


def test_equal_rows_give_zero_and_p_one() -> None:
    found = measured(np.ones((12, 3)), np.ones((9, 3)))
    assert found.estimate == 0.0
    assert p_value(found) == 1.0
    assert "quadruples" in found.reasons["interval"]


@pytest.mark.speed
def test_ten_times_the_rows_cost_about_ten_times_the_time() -> None:
    seconds = []
    for rows in (20_000, 200_000):
        rng = np.random.default_rng(2)
        x, y = rng.normal(size=(rows, 8)), rng.normal(size=(rows, 8))
        start = time.process_time()
        measured(x, y)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 25.0 * seconds[0]  # a quadratic cost would be 100 times


@pytest.mark.parametrize("options", [{"bandwidth": 0.0}, {"flips": 0}])
def test_options_that_give_no_test_are_refused(options: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    with pytest.raises(ConfigError, match=next(iter(options))):
        measure(Comparison(real=x[:20], fake=x[20:], fit=x), rng=rng, **options)  # type: ignore[arg-type]
