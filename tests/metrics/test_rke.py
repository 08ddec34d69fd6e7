"""RKE: the closed form of normal laws, its interval, its null, and the biased form that would be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.rke import measure, rke
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.kernels import gaussian_kernel

Matrix = NDArray[np.float64]

TRUTH = (1 + 4 / 2**2) ** 1.5  # N(0, I_3), l = 2


def measured(real: Matrix, fake: Matrix, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(0), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def ring(rng: np.random.Generator, modes: int) -> Matrix:
    """Draw from the first modes of eight on a circle."""
    turn = 2 * np.pi * rng.integers(modes, size=150) / 8
    return np.column_stack([np.cos(turn), np.sin(turn)]) + 0.02 * rng.normal(size=(150, 2))


def biased(rows: Matrix, bandwidth: float) -> float:
    """Compute ``1 / |K / n|_F^2``, which counts every sample as a collision with itself."""
    kernel = gaussian_kernel(pooled_distances(rows), bandwidth)
    return float(1.0 / np.square(kernel / len(rows)).sum())


@pytest.mark.row(72)
def test_a_normal_law_has_a_closed_form() -> None:
    assert pytest.approx(2.8284, abs=1e-4) == TRUTH
    assert rke(np.random.default_rng(0).normal(size=(3000, 3)), 2.0) == pytest.approx(TRUTH, abs=0.1)


@pytest.mark.row(72)
def test_the_rate_is_unbiased_and_the_matrix_norm_is_not() -> None:
    """Mean of 200 rates of 40 rows within 4 standard errors of 1 / 2.8284; with the diagonal it is 1/40 too large."""
    rows = [np.random.default_rng(seed).normal(size=(40, 3)) for seed in range(200)]
    rates = np.array([1.0 / rke(one, 2.0) for one in rows])
    error = rates.std() / np.sqrt(200)
    assert abs(rates.mean() - 1.0 / TRUTH) < 4 * error
    with_diagonal = np.array([1.0 / biased(one, 2.0) for one in rows])
    assert abs(with_diagonal.mean() - 1.0 / TRUTH) > 4 * error


@pytest.mark.row(71)
def test_the_worked_example_in_the_biased_form_is_another_number() -> None:
    # Three samples with one similarity of 0.9 have 1.94805 with the diagonal, and 6 / 1.62 without.
    gap = np.sqrt(-2.0 * np.log(0.9))
    rows = np.array([[0.0], [gap], [1e3]])
    assert biased(rows, 1.0) == pytest.approx(1.94805, abs=1e-5)
    assert rke(rows, 1.0) == pytest.approx(6.0 / 1.62, rel=1e-9)


@pytest.mark.parametrize("m", [50, 300])
def test_the_interval_covers_the_closed_form(m: int) -> None:
    covered = 0
    for seed in range(100):
        rows = np.random.default_rng(seed).normal(size=(m, 3))
        interval = measured(rows[:30], rows, bandwidth=2.0).interval
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= TRUTH <= interval.high
    assert covered >= 85  # binomial limit at 1e-4 for 95 %


def test_modes_far_apart_are_counted_in_expectation() -> None:
    rng = np.random.default_rng(2)
    rows = 100.0 * np.eye(8)[rng.integers(8, size=600)] + 0.01 * rng.normal(size=(600, 8))
    assert rke(rows, 1.0) == pytest.approx(8.0, rel=0.05)
    found = measured(rows, rows[rows[:, 0] + rows[:, 1] > 50], bandwidth=1.0)
    assert found.estimate == pytest.approx(2.0, rel=0.05)
    assert found.details["real"] == pytest.approx(8.0, rel=0.05)
    assert found.details["share_of_real"] == pytest.approx(0.25, rel=0.1)


def test_rows_that_are_nowhere_close_have_a_lower_bound_and_say_so() -> None:
    rows = np.arange(30.0)[:, None] * 1e6
    found = measured(rows, rows, bandwidth=1.0)
    assert found.estimate == pytest.approx(30 * 29)
    assert found.status == "degraded"
    assert "lower bound" in found.warnings[0]
    assert found.interval is None
    assert "hardly any two fake rows" in found.reasons["interval"]
    assert "fewer than 20" in measured(rows, rows[:5]).reasons["interval"]


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(25, 2)), rng.normal(size=(40, 2)), seed) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 8 <= level(500) <= 46  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_it_sees_missing_modes_and_not_more_variety() -> None:
    rng = np.random.default_rng(3)
    real = ring(rng, 8)
    assert p_value(real, ring(rng, 4)) == 0.01
    assert p_value(ring(rng, 4), real) > 0.5
    assert sum(p_value(ring(rng, 8), ring(rng, 8)) <= 0.05 for _ in range(20)) <= 6  # binomial limit at 1e-4


def test_a_bandwidth_that_is_no_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="`bandwidth` must be a finite number, above 0"):
        measured(np.ones((4, 1)), np.ones((4, 1)), bandwidth=0.0)
