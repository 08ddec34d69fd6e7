"""Recall: closed forms, orientation, ties, and a level that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.precision import precision
from gandiag.metrics.recall import METRIC, recall

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
        assert found.estimate == pytest.approx(recall(real, fake, k, ties), abs=1e-12)  # type: ignore[arg-type]


def test_the_level_is_kept_and_used() -> None:
    """300 repetitions at 60 a side: the rate at 5 % stays within exact binomial limits on both sides."""
    rate = level(null_p_values("recall", normal, n=60, m=60, fit=10, repetitions=300), 0.05)
    assert rate.kept
    assert rate.rate >= rate.low


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal, tied], ids=lambda law: law.__name__)
def test_the_level_is_kept_in_2000_repetitions(law: object) -> None:
    p = null_p_values("recall", law, n=60, m=80, fit=10, repetitions=2000)  # type: ignore[arg-type]
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
def test_recall_of_a_tiny_case() -> None:
    assert recall(REAL, FAKE, k=1) == 1.0
    assert precision(REAL, FAKE, k=1) != 1.0  # the swapped balls


def test_recall_of_a_set_against_itself_is_one() -> None:
    rows = np.random.default_rng(4).normal(size=(50, 3))
    assert recall(rows, rows) == 1.0
    assert recall(np.repeat(rows, 7, axis=0), np.repeat(rows, 7, axis=0)) == 1.0


def test_dropped_modes_lower_recall_and_keep_precision() -> None:
    rng = np.random.default_rng(5)
    real, fake = ring(rng, 240), ring(rng, 240, modes=4)
    found = METRIC.measure(compared(real, fake), rng=rng)
    null = summarise_null(found, draws=199, rng=rng)
    assert null.p_value is not None
    assert null.p_value.value == 1 / 200
    assert found.estimate is not None
    assert found.estimate < 0.6
    assert precision(real, fake) > 0.9


def test_a_collapsed_sampler_recalls_little() -> None:
    rng = np.random.default_rng(6)
    assert recall(ring(rng, 200), ring(rng, 200, modes=1)) < 0.3
    assert recall(ring(rng, 200, modes=1), ring(rng, 200)) > 0.8


def test_the_missed_rows_are_named_most_distant_first() -> None:
    rng = np.random.default_rng(7)
    real, fake = ring(rng, 200), ring(rng, 200, modes=4)
    found = METRIC.measure(compared(real, fake), rng=rng)
    missed, distance = found.arrays["missed"], found.arrays["missed_distance"]
    assert len(missed) == found.details["missed"] == round(200 * (1.0 - float(found.estimate or 0.0)))
    nearest = np.sqrt(np.square(real[missed][:, None] - fake[None]).sum(axis=2)).min(axis=1)
    np.testing.assert_allclose(distance, nearest, rtol=1e-9)
    assert (np.diff(distance) <= 0).all()


def test_scattered_samples_recall_what_they_never_produce() -> None:
    """The known fault that the page of the metric states, and that coverage does not share."""
    rng = np.random.default_rng(8)
    real, scattered = ring(rng, 100), 6.0 * rng.normal(size=(30, 2))
    assert recall(real, scattered) > 0.9


def test_too_few_fake_rows_are_refused_by_the_plain_function() -> None:
    with pytest.raises(TooFewSamplesError, match="need more than 5 rows; got 2"):
        recall(REAL, FAKE)


def test_the_null_is_a_relabelling_against_low_values() -> None:
    found = METRIC.measure(compared(REAL, FAKE), rng=np.random.default_rng(0), k=1)  # type: ignore[call-arg]
    assert isinstance(found.null, Relabelling)
    assert found.null.alternative == "less"
