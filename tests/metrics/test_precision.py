"""Precision: closed forms, orientation, ties, and a level that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.precision import METRIC, precision
from gandiag.metrics.recall import recall

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
        assert found.estimate == pytest.approx(precision(real, fake, k, ties), abs=1e-12)  # type: ignore[arg-type]


def test_the_level_is_kept_and_used() -> None:
    """300 repetitions at 60 a side: the rate at 5 % stays within exact binomial limits on both sides."""
    rate = level(null_p_values("precision", normal, n=60, m=60, fit=10, repetitions=300), 0.05)
    assert rate.kept
    assert rate.rate >= rate.low


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal, tied], ids=lambda law: law.__name__)
def test_the_level_is_kept_in_2000_repetitions(law: object) -> None:
    p = null_p_values("precision", law, n=60, m=80, fit=10, repetitions=2000)  # type: ignore[arg-type]
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
def test_precision_of_a_tiny_case() -> None:
    assert precision(REAL, FAKE, k=1) == 0.5
    assert recall(REAL, FAKE, k=1) != 0.5  # the swapped balls


def test_precision_of_a_set_against_itself_is_one() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(50, 3))
    assert precision(rows, rows) == 1.0
    assert precision(np.repeat(rows, 7, axis=0), np.repeat(rows, 7, axis=0)) == 1.0


def test_open_balls_lose_repeated_rows() -> None:
    rows = np.repeat(np.arange(8.0)[:, None], 7, axis=0)
    assert precision(rows, rows, ties="prdc") == 0.0
    assert precision(rows, rows, ties="closed") == 1.0


def test_swapping_the_arguments_gives_recall() -> None:
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(80, 2)), 1.5 * rng.normal(size=(60, 2)) + 0.5
    assert precision(real, fake) == recall(fake, real)
    assert precision(real, fake) != precision(fake, real)


def test_a_collapsed_sampler_is_precise() -> None:
    rng = np.random.default_rng(6)
    fake = ring(rng, 200, modes=1)
    assert precision(ring(rng, 200), fake) > 0.8
    assert recall(ring(rng, 200), fake) < 0.3


def test_noise_is_found_and_its_rows_are_named() -> None:
    rng = np.random.default_rng(7)
    real, fake = ring(rng, 200), ring(rng, 200)
    fake[:40] = 3.0 * rng.normal(size=(40, 2)) + 8.0
    found = METRIC.measure(compared(real, fake), rng=rng)
    null = summarise_null(found, draws=199, rng=rng)
    assert null.p_value is not None
    assert null.p_value.value == 1 / 200
    outside, distance = found.arrays["outside"], found.arrays["outside_distance"]
    assert set(range(40)) <= set(outside.tolist())
    assert len(outside) == found.details["outside"] == round(200 * (1.0 - float(found.estimate or 0.0)))
    nearest = np.sqrt(np.square(fake[outside][:, None] - real[None]).sum(axis=2)).min(axis=1)
    np.testing.assert_allclose(distance, nearest, rtol=1e-9)
    assert (np.diff(distance) <= 0).all()


def test_too_few_real_rows_are_refused_by_the_plain_function() -> None:
    with pytest.raises(TooFewSamplesError, match="need more than 5 rows; got 4"):
        precision(REAL, FAKE)


@pytest.mark.speed
def test_the_null_of_the_largest_default_comparison_takes_seconds() -> None:
    import time

    rng = np.random.default_rng(9)
    for pool in (rng.normal(size=(2000, 64)), np.ones((2000, 2))):
        found = METRIC.measure(compared(pool[:1000], pool[1000:]), rng=rng)
        start = time.perf_counter()
        summarise_null(found, draws=1999, rng=rng)
        assert time.perf_counter() - start < 8.0


def test_the_null_is_a_relabelling_against_low_values() -> None:
    found = METRIC.measure(compared(REAL, FAKE), rng=np.random.default_rng(0), k=1)  # type: ignore[call-arg]
    assert isinstance(found.null, Relabelling)
    assert found.null.alternative == "less"
