"""One metric on one comparison, whatever happens: a bad metric never takes the others down.

A metric that raises becomes a result with status "failed" and its reason; one that cannot be computed becomes
"undefined". Neither ever holds a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import OPTIONAL_FIELDS, Measurement, Result, Status
from gandiag.core.rng import stream
from gandiag.core.specs import MetricSpec
from gandiag.errors import GandiagError, NumericalError
from gandiag.inference.multiplicity import holm
from gandiag.inference.nulls import summarise_null
from gandiag.settings import Settings

# What to do where a metric lacks what it needs.
_REMEDIES = {
    "train": "no training rows were given; give what the generator was trained on",
    "range": "the real source declares no range of values",
    "labels": "real and fake rows must both carry classes",
    "classes": "real rows must carry classes; give labels",
    "probabilities": (
        "rows must be class probabilities, at least 0 and with sum 1; score them with features='identity', "
        "or images with features that end in a classifier, as inception does"
    ),
    "discrete": "rows must be whole numbers",
    "images": "rows must be whole images, as the features flatten gives them",
    "inception": "rows must be Inception features; score images with features='inception'",
}


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
    blank = blank_result(spec, n=used.n, m=used.m, d=used.d, options=options, seed=settings.seed)
    obstacle = lacking(spec, used.given) or _too_few(spec, used)
    if obstacle:
        return _without_estimate(blank, "undefined", obstacle)
    try:
        rng = stream(settings.seed, "metric", spec.name)
        measurement = spec.measure(used, rng=rng, **options)
        notes = _subset_note(comparison, used)
        result = resulted(blank, measurement, settings=settings, notes=notes, dependence=dependence)
        return _of_incomplete_rows(result, used.incomplete)
    except MemoryError as error:
        return _without_estimate(blank, "failed", f"out of memory: {error}")
    except (Exception, SystemExit) as error:  # whoever ends the process ends all other metrics with it
        return _without_estimate(blank, "failed", _told(error))


def resulted(
    blank: Result,
    measurement: object,
    *,
    settings: Settings,
    notes: tuple[str, ...] = (),
    dependence: str | None = None,
) -> Result:
    """Bring a measurement, its null and its floor into a result.

    Parameters
    ----------
    blank : Result
        See `blank_result`.
    measurement : Measurement
        Anything else is refused.
    settings : Settings
    notes : tuple of str
        Warnings that come before those of the metric.
    dependence : str, optional
        Why p-values may not be given.

    Raises
    ------
    NumericalError
        For a measurement that is no answer, or a number that is not finite.
    """
    measurement = _checked(measurement)
    if measurement.estimate is None:
        return _without_estimate(blank, measurement.status, measurement.reasons["estimate"], measurement)
    null_rng = stream(settings.seed, "null", blank.metric)
    null = summarise_null(measurement, draws=settings.permutations, rng=null_rng, enough=settings.enough)
    arrays = dict(measurement.arrays) | ({} if null.draws is None else {"null": null.draws})
    result = replace(
        blank,
        estimate=measurement.estimate,
        floor=null.floor,
        excess=null.excess,
        z=null.z,
        p_value=null.p_value,
        interval=measurement.interval,
        e_value=measurement.e_value,
        mde=null.mde,
        status=measurement.status,
        reasons=dict(measurement.reasons) | null.reasons,
        warnings=(*notes, *measurement.warnings),
        details=measurement.details,
        arrays=arrays,
    )
    _require_finite_arrays(result)
    return _withdrawn(result, dependence) if dependence else result


def unanswered(blank: Result, status: Status, why: str) -> Result:
    """Say that a metric has no number, and why."""
    return _without_estimate(blank, status, why)


def _checked(measurement: object) -> Measurement:
    """Refuse what is no answer at all."""
    if not isinstance(measurement, Measurement):
        raise NumericalError(
            "a metric must return a Measurement", received=type(measurement).__name__, remedy="Mend the metric."
        )
    if measurement.estimate is None and (
        measurement.status not in ("undefined", "failed") or "estimate" not in measurement.reasons
    ):
        raise NumericalError(
            "an absent estimate must have the status undefined and a reason",
            received=f"status {measurement.status}, reasons for {sorted(measurement.reasons) or 'nothing'}",
            remedy="Give status='undefined' and reasons={'estimate': why}.",
        )
    return measurement


def blank_result(
    spec: MetricSpec, *, n: int, m: int, d: int, options: Mapping[str, Any] | None = None, seed: int = 0
) -> Result:
    """Make the result of a metric that has not been measured, of n real and m fake rows with d features."""
    return Result(
        metric=spec.name,
        estimate=None,
        kind=spec.kind,
        direction=spec.direction,
        unit=spec.unit,
        n_real=n,
        n_fake=m,
        dim=d,
        options=dict(options or {}),
        seed=seed,
        reasons=dict.fromkeys(OPTIONAL_FIELDS, "not measured"),
    )


def lacking(spec: MetricSpec, given: frozenset[str]) -> str | None:
    """Say what a metric needs and does not have, with the remedy."""
    missing = sorted(spec.needs - given)
    return f"needs {missing[0]}: {_REMEDIES[missing[0]]}" if missing else None


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


def _require_finite_arrays(result: Result) -> None:
    for name, array in result.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise NumericalError(
                f"array `{name}` of a result must be finite",
                received="NaN or infinity",
                remedy="Bring the samples to units of moderate size.",
            )


def _told(error: BaseException) -> str:
    if isinstance(error, GandiagError):
        return str(error)
    return (
        f"a metric must not raise; got {type(error).__name__}: {str(error)[:400]}. "
        "Bring the samples to units of moderate size; report it as a bug of the metric where they are"
    )


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


def _of_incomplete_rows(result: Result, why: str) -> Result:
    """Mark a number that was measured without rows that could not be read: what they were is not known."""
    if not why or result.estimate is None:
        return result
    status: Status = "degraded" if result.status == "ok" else result.status
    return replace(result, status=status, warnings=(*result.warnings, why))


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
