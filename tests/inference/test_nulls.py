"""Floors, excess and the smallest effect: closed forms on statistics whose null is known."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.core.results import Alternative, Floor, KnownNull, Measurement, PValue, Relabelling
from gandiag.inference.nulls import NullSummary, summarise_null

NO = {"interval": "none", "e_value": "none"}


def shifted(alternative: Alternative, shift: float = 0.0, n: int = 200) -> NullSummary:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=n), rng.normal(size=n) + shift])
    is_real = np.arange(2 * n) < n

    def statistic(labels: np.ndarray) -> np.ndarray:
        return (values @ ~labels / n - values @ labels / n)[None, :]

    estimate = float(statistic(is_real[:, None])[0, 0])
    null = Relabelling(observed=is_real, statistic=statistic, alternative=alternative)
    return summarise_null(Measurement(estimate=estimate, null=null, reasons=NO), draws=4999, rng=rng)


@pytest.mark.parametrize(("alternative", "quantile"), [("greater", 1.645), ("less", 1.645), ("two-sided", 1.960)])
def test_the_smallest_effect_is_the_critical_value_plus_the_power_margin(
    alternative: Alternative, quantile: float
) -> None:
    """A mean difference of 200 unit normals a side has sd 0.1; level 0.05, power 0.8."""
    summary = shifted(alternative)
    assert summary.mde == pytest.approx((quantile + 0.8416) * 0.1, rel=0.12)  # 5 se of a 5 % quantile, 499+ draws


def test_the_smallest_effect_of_a_squared_statistic_is_seen_four_times_in_five() -> None:
    """The square of a mean difference, in units of its variance, is a noncentral chi-square of one degree of freedom.

    A level of 0.05 and power 0.8 need a noncentrality of 7.849 (that of a two-sided z-test: (1.960 + 0.8416)^2); the
    spread of the null alone would say 4.03, which is seen half of the time.
    """
    rng = np.random.default_rng(3)
    n = 400
    values = rng.normal(size=2 * n)
    is_real = np.arange(2 * n) < n

    def statistic(labels: np.ndarray) -> np.ndarray:
        return np.square(values @ labels / n - values @ ~labels / n)[None, :] * (n / 2)

    estimate = float(statistic(is_real[:, None])[0, 0])
    null = Relabelling(observed=is_real, statistic=statistic)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gandiag.inference.permutation.FEWEST_DRAWS", 4999)
        summary = summarise_null(Measurement(estimate=estimate, null=null, reasons=NO), draws=4999, rng=rng)
    assert summary.mde == pytest.approx(7.849, rel=0.15)


def test_an_estimate_may_move_against_the_tested_statistic() -> None:
    """A share of covered modes sinks while its chi-square grows: the effect is sought below the floor."""
    rng = np.random.default_rng(4)
    values = np.sort(rng.exponential(size=60))
    is_real = np.arange(60) % 2 == 0

    def statistic(labels: np.ndarray) -> np.ndarray:
        lowest = np.minimum(1.0, (values @ labels) / 30)  # piles up at 1: nothing lies far above the floor
        return np.stack([lowest, -lowest])

    def effect(worse: Alternative | None) -> float:
        null = Relabelling(observed=is_real, statistic=statistic, worse=worse)
        estimate = float(statistic(is_real[:, None])[0, 0])
        found = summarise_null(
            Measurement(estimate=estimate, null=null, reasons=NO), draws=999, rng=np.random.default_rng(5)
        )
        assert found.mde is not None
        return found.mde

    assert effect("less") > 1.3 * effect(None)


def test_floor_and_excess_are_those_of_the_permutations() -> None:
    summary = shifted("greater", shift=0.5)
    assert summary.floor is not None
    assert summary.floor.mean == pytest.approx(0.0, abs=5 * 0.1 / np.sqrt(4999))
    # The shift of 0.5, to 3 standard errors of a difference of means.
    assert summary.excess == pytest.approx(0.5, abs=0.3)
    assert summary.z == pytest.approx(summary.excess / summary.floor.sd)  # type: ignore[operator]
    assert summary.p_value is not None
    assert summary.p_value.value == pytest.approx(1 / 5000)


def test_a_spread_that_is_rounding_gives_no_z() -> None:
    null = KnownNull(
        floor=Floor(mean=0.693, sd=1e-16, source="analytic"), p_value=PValue(value=0.5, calibration="exact")
    )
    summary = summarise_null(Measurement(estimate=0.6, null=null, reasons=NO), draws=99, rng=np.random.default_rng(0))
    assert summary.z is None
    assert summary.reasons["z"] == "the null has no spread"
    assert summary.excess == pytest.approx(-0.093)


def test_a_measurement_without_a_null_keeps_its_reasons() -> None:
    measurement = Measurement(estimate=1.0, reasons=NO | {"floor": "why", "p_value": "because"})
    summary = summarise_null(measurement, draws=99, rng=np.random.default_rng(0))
    assert (summary.reasons["floor"], summary.reasons["p_value"]) == ("why", "because")
    assert summary.excess is None
