"""Clipped density: a linear fall with the share of bad samples, robustness, and a level that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.comparison import Comparison
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.clipped_density import METRIC, clipped_density
from gandiag.metrics.density import density

Matrix = NDArray[np.float64]


def compared(real: Matrix, fake: Matrix) -> Comparison:
    return Comparison(real=real, fake=fake, fit=real)


def normal(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.normal(size=(rows, 2))


def tied(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.poisson(1.0, size=(rows, 2)).astype(float)


def with_bad(rng: np.random.Generator, rows: int, share: float, d: int = 8) -> Matrix:
    fake = rng.normal(size=(rows, d))
    fake[: round(share * rows)] += 50.0
    return fake


SHARES = np.linspace(0.0, 1.0, 6)


def check_linear(found: Matrix) -> None:
    """Within 4 standard deviations of one score, 0.032 at 500 rows by its permutation null."""
    assert np.abs(found - (1.0 - SHARES)).max() < 0.13


def test_the_score_falls_linearly_with_the_share_of_bad_samples() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(500, 8))
    fakes = [with_bad(rng, 500, share) for share in SHARES]
    check_linear(np.array([clipped_density(real, fake) for fake in fakes]))
    crowded = [np.concatenate([0.3 * fake[250:], fake[:250]]) for fake in fakes]
    with pytest.raises(AssertionError, match=r"< 0\.13"):  # plain density lets the crowded half make up for the other
        check_linear(np.array([density(real, fake) for fake in crowded]))


def test_a_real_outlier_forgives_nothing() -> None:
    """Ten real outliers have balls that reach over the data and far beyond; their radii are clipped."""
    rng = np.random.default_rng(4)
    real = rng.normal(size=(300, 8))
    real[:10] *= 100.0
    bad = 30.0 * rng.normal(size=(300, 8))
    assert density(real, bad) > 0.2
    assert clipped_density(real, bad) < 0.02


def test_crowded_samples_earn_at_most_what_the_real_score_leaves() -> None:
    """Half the samples crowd in the middle, half are bad; room to make up for them is small in 2 dimensions only."""
    rng = np.random.default_rng(5)
    ratios = []
    for d in (2, 32):
        real, fake = rng.normal(size=(400, d)), 0.3 * rng.normal(size=(400, d))
        fake[:200] += 50.0
        details = METRIC.measure(compared(real, fake), rng=rng).details
        assert details["score_fake"] <= 0.5
        assert details["ratio"] == pytest.approx(details["score_fake"] / details["score_real"])
        ratios.append(details["ratio"])
    assert ratios[0] < 0.7
    assert ratios[1] > 1.0


def test_the_estimate_equals_the_plain_function_and_the_statistic() -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(70, 3)), rng.normal(size=(50, 3)) + 0.7
    found = METRIC.measure(compared(real, fake), rng=rng, k=3)  # type: ignore[call-arg]
    assert found.estimate == pytest.approx(clipped_density(real, fake, 3), abs=1e-12)
    null = summarise_null(found, draws=99, rng=rng)
    assert null.floor is not None
    assert 0.7 < null.floor.mean < 1.0


def test_a_set_against_itself_scores_one() -> None:
    rows = np.random.default_rng(2).normal(size=(60, 3))
    assert clipped_density(rows, rows.copy()) == 1.0
    assert clipped_density(np.repeat(rows, 7, axis=0), np.repeat(rows, 7, axis=0)) == 1.0


def test_the_level_is_kept_and_used() -> None:
    """200 repetitions at 60 a side: the rate at 5 % stays within exact binomial limits on both sides."""
    rate = level(null_p_values("clipped_density", normal, n=60, m=60, fit=10, repetitions=200), 0.05)
    assert rate.kept
    assert rate.rate >= rate.low


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal, tied], ids=lambda law: law.__name__)
def test_the_level_is_kept_in_2000_repetitions(law: object) -> None:
    p = null_p_values("clipped_density", law, n=60, m=80, fit=10, repetitions=2000)  # type: ignore[arg-type]
    assert all(level(p, alpha).kept for alpha in (0.01, 0.05, 0.1))


def test_bad_samples_are_found() -> None:
    rng = np.random.default_rng(3)
    found = METRIC.measure(compared(rng.normal(size=(300, 8)), with_bad(rng, 300, 0.4)), rng=rng)
    null = summarise_null(found, draws=199, rng=rng)
    assert null.p_value is not None
    assert null.p_value.value == 1 / 200


def test_too_few_rows_are_undefined_with_a_reason() -> None:
    few = np.arange(5.0)[:, None]
    found = METRIC.measure(compared(few, few.copy()), rng=np.random.default_rng(0))
    assert (found.estimate, found.status) == (None, "undefined")
    assert "more than 5" in found.reasons["estimate"]
