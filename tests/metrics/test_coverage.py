"""Coverage: closed forms, its exact mean under equal laws, monotonicity, and a level that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.coverage import METRIC, coverage, null_mean

Matrix = NDArray[np.float64]

REAL, FAKE = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]])


def compared(real: Matrix, fake: Matrix) -> Comparison:
    return Comparison(real=real, fake=fake, fit=real)


def normal(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.normal(size=(rows, 2))


def tied(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.poisson(1.0, size=(rows, 2)).astype(float)


def ring(rng: np.random.Generator, rows: int, modes: int = 8) -> Matrix:
    angle = 2 * np.pi * rng.integers(modes, size=rows) / 8
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.05 * rng.normal(size=(rows, 2))


@pytest.mark.parametrize("ties", ["closed", "prdc"])
@pytest.mark.parametrize("lattice", [True, False])
def test_the_estimate_equals_the_plain_function(lattice: bool, ties: str) -> None:
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(70, 2)), rng.normal(size=(50, 2)) + 0.7
    if lattice:
        real, fake = np.rint(2 * real), np.rint(2 * fake)
    for k in (1, 5):
        found = METRIC.measure(compared(real, fake), rng=rng, k=k, ties=ties)  # type: ignore[call-arg]
        assert found.estimate == pytest.approx(coverage(real, fake, k, ties), abs=1e-12)  # type: ignore[arg-type]


def test_the_level_is_kept_and_used() -> None:
    """200 repetitions at 60 a side: the rate at 5 % stays within exact binomial limits on both sides."""
    rate = level(null_p_values("coverage", normal, n=60, m=60, fit=10, repetitions=200), 0.05)
    assert rate.kept
    assert rate.rate >= rate.low


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal, tied], ids=lambda law: law.__name__)
def test_the_level_is_kept_in_2000_repetitions(law: object) -> None:
    p = null_p_values("coverage", law, n=60, m=80, fit=10, repetitions=2000)  # type: ignore[arg-type]
    assert all(level(p, alpha).kept for alpha in (0.01, 0.05, 0.1))


def test_repeated_rows_are_degraded_and_said_so() -> None:
    rng = np.random.default_rng(1)
    rows = np.repeat(rng.normal(size=(20, 2)), 6, axis=0)
    found = METRIC.measure(compared(rows, rows.copy()), rng=rng)
    assert found.status == "degraded"
    assert found.details["zero_radius_share"] == 1.0
    assert found.details["distinct_real"] == found.details["distinct_fake"] == 20
    assert "radius 0" in found.warnings[0]
    clean = METRIC.measure(compared(rng.normal(size=(60, 2)), rng.normal(size=(60, 2))), rng=rng)
    assert (clean.status, clean.warnings) == ("ok", ())


def test_all_equal_rows_give_p_one() -> None:
    null = summarise_null(
        METRIC.measure(compared(np.ones((30, 2)), np.ones((20, 2))), rng=np.random.default_rng(2)),
        draws=99,
        rng=np.random.default_rng(3),
    )
    assert null.p_value is not None
    assert null.p_value.value == 1.0


def test_too_few_rows_are_undefined_with_a_reason() -> None:
    few = np.arange(5.0)[:, None]
    found = METRIC.measure(compared(few, few.copy()), rng=np.random.default_rng(0))
    assert (found.estimate, found.status) == (None, "undefined")
    assert "more than 5" in found.reasons["estimate"]


def test_an_unknown_rule_for_ties_is_refused() -> None:
    with pytest.raises(ConfigError, match="`ties` must be one of closed, prdc; got half"):
        METRIC.measure(compared(REAL, FAKE), rng=np.random.default_rng(0), ties="half")  # type: ignore[call-arg]


@pytest.mark.row(67)
def test_coverage_of_a_tiny_case() -> None:
    assert coverage(REAL, FAKE, k=1) == 0.5
    assert coverage(FAKE, REAL, k=1) == 1.0


def test_coverage_of_a_set_against_itself_is_one() -> None:
    rows = np.random.default_rng(4).normal(size=(50, 3))
    assert coverage(rows, rows) == 1.0
    assert coverage(np.repeat(rows, 7, axis=0), np.repeat(rows, 7, axis=0)) == 1.0


@pytest.mark.row(68)
def test_the_null_mean_of_five_hundred_a_side() -> None:
    assert null_mean(500, 500) == pytest.approx(0.969218, abs=1e-6)
    assert null_mean(400, 800) == pytest.approx(0.99599, abs=1e-5)
    assert null_mean(10**7, 10**7) == pytest.approx(1 - 2.0**-5, abs=1e-5)
    assert null_mean(6, 1, 5) == pytest.approx(1 - 5 * 4 * 3 * 2 / (6 * 5 * 4 * 3 * 2), abs=1e-12)


def check_mean(values: Matrix, expected: float) -> None:
    assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(len(values))


@pytest.mark.row(68)
@pytest.mark.parametrize(("n", "m", "d", "k"), [(200, 200, 2, 5), (60, 150, 1, 1), (100, 40, 10, 3)])
def test_the_mean_under_equal_laws_is_the_formula_for_all_sizes_and_dimensions(n: int, m: int, d: int, k: int) -> None:
    rng = np.random.default_rng(5)
    values = np.array([coverage(rng.standard_t(3, size=(n, d)), rng.standard_t(3, size=(m, d)), k) for _ in range(150)])
    check_mean(values, null_mean(n, m, k))
    with pytest.raises(AssertionError, match=r"^assert "):
        check_mean(values, 1.0 - (n / (n + m)) ** (k + 1))  # counts the row itself among its neighbours


def test_the_floor_of_a_comparison_is_the_formula() -> None:
    rng = np.random.default_rng(6)
    found = METRIC.measure(compared(rng.normal(size=(100, 2)), rng.normal(size=(80, 2))), rng=rng)
    null = summarise_null(found, draws=999, rng=rng)
    assert null.floor is not None
    assert abs(null.floor.mean - found.details["exact_null_mean"]) < 5 * null.floor.sd / np.sqrt(999)


def test_further_samples_never_lower_coverage() -> None:
    rng = np.random.default_rng(7)
    real, fake = np.rint(4 * ring(rng, 60)) / 4, np.rint(4 * ring(rng, 80, modes=5)) / 4
    grown = [coverage(real, fake[:size]) for size in range(1, 81)]
    assert (np.diff(grown) >= 0).all()
    assert grown[-1] > grown[0]


def test_dropped_modes_are_found_and_their_rows_are_named() -> None:
    rng = np.random.default_rng(8)
    real, fake = ring(rng, 240), ring(rng, 240, modes=6)
    found = METRIC.measure(compared(real, fake), rng=rng)
    null = summarise_null(found, draws=199, rng=rng)
    assert null.p_value is not None
    assert null.p_value.value == 1 / 200
    uncovered, distance = found.arrays["uncovered"], found.arrays["uncovered_distance"]
    dropped = np.flatnonzero((real[:, 0] > -0.3) & (real[:, 1] < -0.3))
    assert set(dropped.tolist()) <= set(uncovered.tolist())
    assert len(uncovered) == found.details["uncovered"] == round(240 * (1.0 - float(found.estimate or 0.0)))
    nearest = np.sqrt(np.square(real[uncovered][:, None] - fake[None]).sum(axis=2)).min(axis=1)
    np.testing.assert_allclose(distance, nearest, rtol=1e-9)
    assert (np.diff(distance) <= 0).all()


def test_scattered_samples_cover_little() -> None:
    rng = np.random.default_rng(9)
    assert coverage(ring(rng, 100), 6.0 * rng.normal(size=(30, 2))) < 0.3


def test_too_few_real_rows_are_refused_by_the_plain_function() -> None:
    with pytest.raises(TooFewSamplesError, match="need more than 5 rows; got 4"):
        coverage(REAL, FAKE)


def test_the_null_is_a_relabelling_against_low_values() -> None:
    found = METRIC.measure(compared(REAL, FAKE), rng=np.random.default_rng(0), k=1)  # type: ignore[call-arg]
    assert isinstance(found.null, Relabelling)
    assert found.null.alternative == "less"
