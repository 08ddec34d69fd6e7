"""Density: closed forms, mean 1 under equal laws, both directions, and a level that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.density import METRIC, density

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
        assert found.estimate == pytest.approx(density(real, fake, k, ties), abs=1e-12)  # type: ignore[arg-type]


def test_the_level_is_kept_and_used() -> None:
    """200 repetitions at 60 a side: the rate at 5 % stays within exact binomial limits on both sides."""
    rate = level(null_p_values("density", normal, n=60, m=60, fit=10, repetitions=200), 0.05)
    assert rate.kept
    assert rate.rate >= rate.low


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal, tied], ids=lambda law: law.__name__)
def test_the_level_is_kept_in_2000_repetitions(law: object) -> None:
    p = null_p_values("density", law, n=60, m=80, fit=10, repetitions=2000)  # type: ignore[arg-type]
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
def test_density_of_a_tiny_case() -> None:
    assert density(REAL, FAKE, k=1) == 1.0
    assert density(FAKE, REAL, k=1) == 7 / 4  # all four in one ball, three in the other


def test_density_of_a_set_against_itself_counts_the_row_itself_only_when_closed() -> None:
    rows = np.random.default_rng(4).normal(size=(50, 3))
    assert density(rows, rows, k=5) == pytest.approx(6 / 5, rel=1e-12)
    assert density(rows, rows, k=5, ties="prdc") == pytest.approx(1.0, rel=1e-12)


def check_mean_one(values: Matrix) -> None:
    """At 200 a side in two dimensions one value has an sd of about 0.08; the mean is tested at 4 standard errors."""
    assert abs(values.mean() - 1.0) < 4 * values.std() / np.sqrt(len(values))


@pytest.mark.row(68)
@pytest.mark.parametrize(("n", "m", "d", "k"), [(200, 200, 2, 5), (60, 150, 1, 1), (100, 40, 10, 3)])
def test_the_mean_is_one_under_equal_laws_for_all_sizes_and_dimensions(n: int, m: int, d: int, k: int) -> None:
    rng = np.random.default_rng(5)
    pairs = [(rng.standard_t(3, size=(n, d)), rng.standard_t(3, size=(m, d))) for _ in range(150)]
    check_mean_one(np.array([density(x, y, k) for x, y in pairs]))
    with pytest.raises(AssertionError, match=r"^assert "):  # balls to the neighbour after the k-th
        check_mean_one(np.array([density(x, y, k + 1) * (k + 1) / k for x, y in pairs]))


def test_the_floor_of_a_comparison_is_one() -> None:
    rng = np.random.default_rng(6)
    found = METRIC.measure(compared(rng.normal(size=(100, 2)), rng.normal(size=(100, 2))), rng=rng)
    null = summarise_null(found, draws=999, rng=rng)
    assert null.floor is not None
    assert abs(null.floor.mean - 1.0) < 5 * null.floor.sd / np.sqrt(999)
    assert found.details["exact_null_mean"] == 1.0


@pytest.mark.parametrize(("scale", "above"), [(0.3, True), (3.0, False)])
def test_central_and_scattered_samples_are_both_found(scale: float, above: bool) -> None:
    rng = np.random.default_rng(7)
    found = METRIC.measure(compared(rng.normal(size=(150, 10)), scale * rng.normal(size=(150, 10))), rng=rng)
    null = summarise_null(found, draws=199, rng=rng)
    assert found.estimate is not None
    assert (found.estimate > 1.0) == above
    assert null.p_value is not None
    assert null.p_value.value <= 0.02


def test_crowding_in_few_dimensions_is_not_seen() -> None:
    """The limit that the page of the metric states: balls shrink where data are dense."""
    rng = np.random.default_rng(10)
    assert density(rng.normal(size=(600, 1)), 0.3 * rng.normal(size=(600, 1))) == pytest.approx(1.0, abs=0.15)


def test_density_is_not_symmetric() -> None:
    rng = np.random.default_rng(8)
    real, fake = ring(rng, 100), ring(rng, 100, modes=2)
    assert density(real, fake) != pytest.approx(density(fake, real), rel=0.01)


def test_the_balls_around_each_fake_row_make_up_the_estimate() -> None:
    rng = np.random.default_rng(9)
    found = METRIC.measure(compared(ring(rng, 90), ring(rng, 70)), rng=rng)
    balls = found.arrays["balls"]
    assert balls.shape == (70,)
    assert found.estimate == pytest.approx(balls.mean() / 5, rel=1e-12)
    assert found.details["share_in_no_ball"] == np.mean(balls == 0)


def test_too_few_real_rows_are_refused_by_the_plain_function() -> None:
    with pytest.raises(TooFewSamplesError, match="need more than 5 rows; got 4"):
        density(REAL, FAKE)


def test_the_null_is_a_two_sided_relabelling() -> None:
    found = METRIC.measure(compared(REAL, FAKE), rng=np.random.default_rng(0), k=1)  # type: ignore[call-arg]
    assert isinstance(found.null, Relabelling)
    assert found.null.alternative == "two-sided"
