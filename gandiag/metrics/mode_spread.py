"""Mode spread: how wide fake samples are within the modes, relative to real ones.

``sqrt(sum_k w_k tr Cov_fake,k / sum_k w_k tr Cov_real,k)`` in coordinates in which each real mode has unit covariance,
with weights w from the pooled counts: 1 for equal laws, 0.5 for modes of half the width, 0 for one sample per mode. The
covariance is about each side's own centre, so that neither a displaced mode nor different shares of the modes pose as
a change of width (law of total variance, stratified by mode). Rows farther from every mode than twice its radius are
noise rather than spread, and are left out on both sides alike.

Sharing "high quality samples" within three sigma (Srivastava et al. 2017, "VEEGAN") rewards modes that are too narrow;
this ratio tells them apart. Where the law has no separate modes, its whole spread is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.backend import Array, beside, on_host
from gandiag.numerics.clusters import ModeModel, fit_modes, whole_mode

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

FARTHEST = 2.0
FEWEST_ROWS = 10
# With many modes a draw costs more; this many still leave two-sided p-values that are small enough for a Holm panel.
MANY_MODES, FEWER_DRAWS = 100, 4999


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the ratio of within-mode spreads, with its two-sided permutation null."""
    model = comparison.once("mode_model", lambda shared: _model(comparison, shared))
    pool, is_real = comparison.pooled()
    if model.kind == "cells":  # borders of cells would cut the very spread that is compared
        model = comparison.once("whole_mode", lambda shared: whole_mode(comparison.fit, rng=shared))
        modes, reach = model.assign(pool)
    else:
        modes, reach = comparison.once("mode_assignment", lambda _: model.assign(pool))
    used = reach <= FARTHEST
    parts = [np.flatnonzero(used & (modes == k)) for k in range(len(model))]
    aside = comparison.near("fit")
    spreads = _spreads([beside(model.whitened(pool[part], k), aside) for k, part in enumerate(parts)], parts)
    real, fake, held = spreads(is_real[:, None])
    details = _details(model, parts, is_real, used, real[:, 0], fake[:, 0], held[:, 0])
    if details["real_rows"] < FEWEST_ROWS or details["fake_rows"] < FEWEST_ROWS or not held.any():
        return _undefined(comparison, details)
    weights = np.array([float(len(part)) for part in parts])

    def statistic(labels: Labels) -> Matrix:
        return _ratios(*spreads(labels), weights)[None, :]

    still = not (real[held] > 0).any()
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(
            observed=is_real,
            statistic=statistic,
            alternative="two-sided",
            draws=FEWER_DRAWS if len(model) > MANY_MODES else None,
        ),
        status="degraded" if still else "ok",
        warnings=("real rows do not vary within the modes: the ratio is of no use",) if still else (),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the permutation null of the ratio is given; an interval away from 1 is not calibrated",
        },
        details=details,
    )


def _model(comparison: Comparison, rng: np.random.Generator) -> ModeModel:
    return fit_modes(comparison.fit, labels=comparison.fit_labels, known=comparison.modes, rng=rng)


Spreads = Callable[[Labels], tuple[Matrix, Matrix, Labels]]


def _spreads(white: list[Array], parts: list[Index]) -> Spreads:
    """Make the total variance per mode of real and of fake rows, shape (k, b), functions of the labels.

    The third result tells where both sides have the two rows that a variance needs.
    """
    squares = [on_host((rows * rows).sum(1)) for rows in white]
    sums = [rows.sum(0)[:, None] for rows in white]

    def spreads(labels: Labels) -> tuple[Matrix, Matrix, Labels]:
        shape = (len(parts), labels.shape[1])
        real, fake, held = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
        for k, (rows, square, part) in enumerate(zip(white, squares, parts, strict=True)):
            chosen = labels[part].astype(np.float64)
            count, second, first = chosen.sum(axis=0), square @ chosen, rows.T @ beside(chosen, rows)
            rest = len(part) - count
            real[k] = _variance(count, second, first)
            fake[k] = _variance(rest, square.sum() - second, sums[k] - first)
            held[k] = (count >= 2) & (rest >= 2)
        return real, fake, held

    return spreads


def _variance(count: Vector, second: Vector, first: Array) -> Vector:
    inner = second - on_host((first * first).sum(0)) / np.maximum(count, 1.0)
    # What is left of equal rows is rounding.
    inner = np.where(inner > 1e-10 * second, inner, 0.0)
    out: Vector = inner / np.maximum(count - 1.0, 1.0)
    return out


def _ratios(real: Matrix, fake: Matrix, held: Labels, weights: Vector) -> Vector:
    weight = held * weights[:, None]
    wide, base = (weight * fake).sum(axis=0), (weight * real).sum(axis=0)
    # Where neither side varies they are equally wide; where real alone does not, a huge but finite ratio says so.
    slack = 1e-12 * (wide + base)
    ratios: Vector = np.sqrt(
        np.where(wide + base > 0, wide + slack, 1.0) / np.where(wide + base > 0, base + slack, 1.0)
    )
    return ratios


def _details(
    model: ModeModel, parts: list[Index], is_real: Labels, used: Labels, real: Vector, fake: Vector, held: Labels
) -> dict[str, Any]:
    modes: list[dict[str, Any]] = []
    for k, part in enumerate(parts):
        defined = bool(held[k]) and real[k] > 0
        modes.append(
            {
                "name": model.names[k],
                "real": int(is_real[part].sum()),
                "fake": int((~is_real[part]).sum()),
                "ratio": float(np.sqrt(fake[k] / real[k])) if defined else None,
            }
        )
    ratios = [mode["ratio"] for mode in modes if mode["ratio"] is not None]
    return {
        "source": model.kind,
        "n_modes": len(model),
        "modes": modes,
        "median_ratio": float(np.median(ratios)) if ratios else None,
        "modes_compared": len(ratios),
        "real_rows": int((used & is_real).sum()),
        "fake_rows": int((used & ~is_real).sum()),
    }


def _undefined(comparison: Comparison, details: dict[str, Any]) -> Measurement:
    if details["fake_rows"] < FEWEST_ROWS:
        why = f"only {details['fake_rows']} of {comparison.m} fake rows lie near a mode; {FEWEST_ROWS} are needed"
    elif details["real_rows"] < FEWEST_ROWS:
        why = f"only {details['real_rows']} of {comparison.n} real rows lie near a mode; {FEWEST_ROWS} are needed"
    else:
        why = "no mode holds two rows of each side"
    return Measurement(
        estimate=None, status="undefined", details=details, reasons=dict.fromkeys(("estimate", "p_value"), why)
    )


METRIC = MetricSpec(
    name="mode_spread",
    title="Within-mode spread",
    summary="Are the samples as varied within each mode as the real ones? 1 = equally, below 1 = shrunken.",
    measure=measure,
    kind="estimate",
    direction="target",
    unit="ratio of standard deviations",
    low=0.0,
    high=None,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=FEWEST_ROWS,
    min_fake=FEWEST_ROWS,
    most_rows=10_000,
    sees="modes that are narrower or wider than the real ones",
    blind_to="missing modes, wrong shares and displaced modes, by design; changes of shape at equal total variance",
    cost="O((n + m) d (K d + B))",
    source="law of total variance stratified by mode; permutation test",
    gate={"p": GateTest(margin=0.2, effect="widths off by a ratio of {}")},
)
