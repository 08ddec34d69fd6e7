"""Benches made by hand: results with known numbers, so that every judgement can be worked out on paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.report import FakeReport, RealSource
from gandiag.core.results import OPTIONAL_FIELDS, Floor, Interval, PValue, Result
from gandiag.core.specs import METRICS
from gandiag.gate.bench import Bench

NORMAL: NDArray[np.float64] = np.random.default_rng(0).normal(size=4999)


def result(metric: str, estimate: float | None, *, p: float | None = None, **more: Any) -> Result:
    """Make a result of a metric; what is not given is absent with a reason."""
    spec = METRICS.get(metric)
    reasons = dict.fromkeys(OPTIONAL_FIELDS, "not in this scene") | more.pop("reasons", {})
    value = None if p is None else PValue(value=p, calibration="permutation", draws=999, adjusted=p, least=1e-6)
    given = {"n_real": 1000, "n_fake": 1000, "dim": 2, "p_value": value} | more
    return Result(
        metric=metric,
        estimate=estimate,
        kind=spec.kind,
        direction=spec.direction,
        unit=spec.unit,
        reasons=reasons,
        **given,
    )


def bench(
    *results: Result,
    nulls: Mapping[str, NDArray[np.float64]] | None = None,
    alpha: float = 0.05,
    conditions: int = 1,
    accept_degraded: tuple[str, ...] = (),
) -> Bench:
    """Lay results out for judging, 1000 rows a side."""
    fake = FakeReport(name="fake", source="fake", n=1000, results=results, diagnoses=())
    real = RealSource(source="real", kind="vector", n=1000, n_fit=300, dim=2, features="identity")
    return Bench(
        fake=fake,
        real=real,
        nulls=nulls or {},
        alpha=alpha,
        conditions=conditions,
        permutations=9999,
        accept_degraded=accept_degraded,
    )


def floor(mean: float = 0.0, sd: float = 1.0) -> Floor:
    """Make a floor."""
    return Floor(mean=mean, sd=sd, source="scene")


def normal_interval(estimate: float, se: float, sided: Any = "two-sided") -> Interval:
    """Make the interval of a normal estimate, at any confidence."""
    from scipy.special import ndtri

    def bounds(level: float) -> tuple[float | None, float | None]:
        tail = (1.0 - level) / 2.0 if sided == "two-sided" else 1.0 - level
        reach = -float(ndtri(tail)) * se
        return (
            None if sided == "upper" else estimate - reach,
            None if sided == "lower" else estimate + reach,
        )

    return Interval.of(bounds, level=0.95, method="normal", sided=sided)
