"""One metric on one comparison, whatever happens: a bad metric never takes the others down.

A metric that raises becomes a result with status "failed" and its reason; one that cannot be computed becomes
"undefined". Neither ever holds a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gandiag.core.comparison import Comparison
from gandiag.core.results import OPTIONAL_FIELDS, Measurement, Result
from gandiag.core.rng import stream
from gandiag.core.specs import MetricSpec
from gandiag.errors import GandiagError, NumericalError
from gandiag.inference.multiplicity import holm
from gandiag.inference.nulls import summarise_null

PERMUTATIONS = 2499


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a report is made; part of its provenance."""

    metrics: tuple[str, ...] | None = None
    features: str | None = None
    n: int | None = None
    seed: int = 0
    permutations: int = PERMUTATIONS
    options: Mapping[str, Mapping[str, Any]] | None = None


def measured(spec: MetricSpec, comparison: Comparison, *, settings: Settings, dependence: str | None = None) -> Result:
    """Run one metric on one comparison, whatever happens.

    Parameters
    ----------
    spec : MetricSpec
    comparison : Comparison
    settings : Settings
    dependence : str, optional
        Why p-values may not be given: rows that depend on each other.

    Returns
    -------
    Result
        With status "failed" and the reason when the metric raised.
    """
    options = dict((settings.options or {}).get(spec.name, {}))
    used = comparison.at_most(spec.most_rows)
    blank = _blank(spec, used, options, settings.seed)
    too_few = _too_few(spec, used)
    if too_few:
        return _without_estimate(blank, "undefined", too_few)
    try:
        rng = stream(settings.seed, "metric", spec.name)
        measurement = spec.measure(used, rng=rng, **options)
        if measurement.estimate is None:
            return _without_estimate(blank, measurement.status, measurement.reasons["estimate"], measurement)
        null_rng = stream(settings.seed, "null", spec.name)
        null = summarise_null(measurement, draws=settings.permutations, rng=null_rng)
        arrays = dict(measurement.arrays) | ({} if null.draws is None else {"null": null.draws})
        result = replace(
            blank,
            estimate=measurement.estimate,
            floor=null.floor,
            excess=null.excess,
            z=null.z,
            p_value=null.p_value,
            interval=measurement.interval,
            mde=null.mde,
            status=measurement.status,
            reasons=dict(measurement.reasons) | null.reasons,
            warnings=(*_subset_note(comparison, used), *measurement.warnings),
            details=measurement.details,
            arrays=arrays,
        )
        return _withdrawn(result, dependence) if dependence else result
    except MemoryError as error:
        return _without_estimate(blank, "failed", f"out of memory: {error}")
    except Exception as error:
        return _without_estimate(blank, "failed", _told(error))


def _blank(spec: MetricSpec, used: Comparison, options: dict[str, Any], seed: int) -> Result:
    return Result(
        metric=spec.name,
        estimate=None,
        kind=spec.kind,
        direction=spec.direction,
        unit=spec.unit,
        n_real=used.n,
        n_fake=used.m,
        dim=used.d,
        options=options,
        seed=seed,
        reasons=dict.fromkeys(OPTIONAL_FIELDS, "not measured"),
    )


def _too_few(spec: MetricSpec, used: Comparison) -> str | None:
    if used.n < spec.min_real:
        return f"needs at least {spec.min_real} real rows; got {used.n}. Give more real data"
    if used.m < spec.min_fake:
        return f"needs at least {spec.min_fake} fake rows; got {used.m}. Draw more samples"
    return None


def _without_estimate(blank: Result, status: Any, why: str, measurement: Measurement | None = None) -> Result:
    extra: dict[str, Any] = {}
    if measurement is not None:
        extra = {"warnings": measurement.warnings, "details": measurement.details, "arrays": measurement.arrays}
    return replace(blank, status=status, reasons=dict.fromkeys(OPTIONAL_FIELDS, why), **extra)


def _told(error: Exception) -> str:
    if isinstance(error, GandiagError):
        return str(error)
    return f"{type(error).__name__}: {str(error)[:400]}"


def _subset_note(comparison: Comparison, used: Comparison) -> tuple[str, ...]:
    if used is comparison:
        return ()
    return (f"computed on {used.n} of {comparison.n} real and {used.m} of {comparison.m} fake rows",)


def _withdrawn(result: Result, why: str) -> Result:
    if result.p_value is None:
        return replace(result, warnings=(*result.warnings, why))
    return replace(
        result,
        p_value=None,
        status="degraded" if result.status == "ok" else result.status,
        reasons=dict(result.reasons) | {"p_value": why},
        warnings=(*result.warnings, why),
    )


def adjusted(results: Sequence[Result]) -> list[Result]:
    """Add Holm's adjusted p-values over one sampler's panel."""
    tested = [i for i, r in enumerate(results) if r.p_value is not None]
    values = [r.p_value.value for r in results if r.p_value is not None]
    out = list(results)
    for i, value in zip(tested, holm(values), strict=True):
        p = out[i].p_value
        if p is None:
            raise NumericalError("only tested results are adjusted", remedy="Report this as a bug.")
        out[i] = replace(out[i], p_value=replace(p, adjusted=value))
    return out
