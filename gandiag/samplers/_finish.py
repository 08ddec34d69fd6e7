"""The last step of every adapter: owned rows are checked against what is declared, and frozen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import Kind, SampleSet
from gandiag.errors import DtypeError, RangeError, TooFewSamplesError
from gandiag.samplers._receive import Array, Form, refuse_nonfinite
from gandiag.samplers._settings import Settings


def finish(
    rows: Array,
    *,
    form: Form,
    settings: Settings,
    name: str,
    lag: int,
    labels: NDArray[np.int64] | None = None,
    numbers: NDArray[np.int64] | None = None,
    value_range: tuple[float, float] | None = None,
    notes: tuple[str, ...] = (),
) -> SampleSet:
    """Check owned rows and freeze them; ``numbers`` says where each row stands in its source, for messages."""
    if 0 in rows.shape:
        raise TooFewSamplesError(f"{name} must hold values", received=f"shape {rows.shape}", remedy="Draw some.")
    refuse_nonfinite(rows, name=name, numbers=numbers)
    values = form.apply(rows)
    if form.kind == "discrete":
        values = _whole(values, name=name)
    declared = settings.value_range or value_range
    if declared is not None:
        bounds: tuple[float, float] | None = (float(declared[0]), float(declared[1]))
        how = "declared" if settings.value_range else "format"
        range_notes = _refuse_outside(values, declared, name=name)
    else:
        bounds, how, range_notes = _detected_range(values, form.kind)
    return SampleSet(
        values=np.ascontiguousarray(values),
        kind=form.kind,
        labels=labels,
        value_range=bounds,
        lag=lag,
        source=name,
        notes=(*notes, *form.notes, *range_notes),
        extra={"value_range": how},
    )


def _whole(values: Array, *, name: str) -> NDArray[np.int64]:
    if values.dtype.kind == "f" and not np.all(np.mod(values, 1) == 0):
        raise DtypeError(
            f"discrete samples of {name} must be whole numbers", received=f"dtype {values.dtype}", remedy="Encode them."
        )
    return values.astype(np.int64)


def _refuse_outside(values: Array, declared: tuple[float, float], *, name: str) -> tuple[str, ...]:
    low, high = declared
    least, most = float(values.min()), float(values.max())
    if least < low or most > high:
        count = int(np.count_nonzero((values < low) | (values > high)))
        fits = next((r for r in ((0, 1), (-1, 1), (0, 255), (0, 65535)) if r[0] <= least and most <= r[1]), None)
        meant = "" if fits is None else f" Did you mean value_range={fits}?"
        raise RangeError(
            f"values of {name} must lie in the declared range [{low:g}, {high:g}]",
            received=f"{count} values outside, from {least:.6g} to {most:.6g}",
            remedy=f"Declare the range that the sampler has; values are never clipped.{meant}",
        )
    if values.dtype.kind == "f" and (low, high) == (0, 255) and most <= 1.0:
        return (f"values reach only {most:.3g} of the declared range [0, 255]: did you mean value_range=(0, 1)?",)
    return ()


def _detected_range(values: Array, kind: Kind) -> tuple[tuple[float, float] | None, str, tuple[str, ...]]:
    if kind != "image":
        return None, "", ()
    if values.dtype == np.bool_:
        return (0.0, 1.0), "dtype", ()
    if values.dtype in (np.uint8, np.uint16):
        return (0.0, float(np.iinfo(values.dtype).max)), "dtype", ()
    least, most = float(values.min()), float(values.max())
    ranges = ((0.0, 1.0), (-1.0, 1.0)) if values.dtype.kind == "f" else ((0.0, 255.0), (0.0, 65535.0))
    for low, high in ranges:
        if low <= least and most <= high:
            return (low, high), "detected", (f"value range [{low:g}, {high:g}] was detected, not declared",)
    return None, "", (f"no value range is known: values go from {least:.6g} to {most:.6g}",)
