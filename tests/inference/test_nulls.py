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


def test_floor_and_excess_are_those_of_the_permutations() -> None:
    summary = shifted("greater", shift=0.5)
    assert summary.floor is not None
    assert summary.floor.mean == pytest.approx(0.0, abs=5 * 0.1 / np.sqrt(4999))
    assert summary.excess == pytest.approx(0.5, abs=0.4)
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
