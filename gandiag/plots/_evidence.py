"""Private helpers of the figures that show what a metric kept: its arrays, and the example rows that it names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.plots._words import find, one, p_used

Array = NDArray[Any]
Side = str | int  # "real", or the index of a sampler


def kept(report: Report, fake: int, metric: str, *names: str) -> tuple[Array, ...] | None:
    """Give arrays that a metric kept, or None where one is absent or empty, or its metric has no number."""
    if find(one(report, fake), metric) is None:
        return None
    found = tuple(np.asarray(report.arrays.get(f"{fake}/{metric}/{name}", np.empty(0))) for name in names)
    return found if all(array.size > 0 for array in found) else None


def loudest(report: Report, fake: int, metric: str | None, *names: str) -> Result | None:
    """Pick the metric asked for, or else the one with the smallest p-value among those that kept all these arrays."""
    found = [
        r
        for r in one(report, fake).results
        if metric in (None, r.metric) and kept(report, fake, r.metric, *names) is not None
    ]

    def p(result: Result) -> float:
        used = p_used(result)
        return 1.0 if used is None else used

    return min(found, key=p) if found else None


def examples(report: Report, side: Side, *, features: bool = False) -> Array:
    """Give the example samples of one side: "real", or the index of a sampler."""
    return np.asarray(report.arrays.get(f"examples/{side}{'_features' if features else ''}", np.empty(0)))


def example_rows(report: Report, side: Side, result: Result) -> NDArray[np.int64]:
    """Give the rows of a comparison that the examples of one side are; -1 everywhere where that is not known.

    A metric that takes fewer rows than there are draws its own: its row numbers are then no row numbers of the side.
    """
    size = len(examples(report, side))
    rows = np.asarray(report.arrays.get(f"examples/{side}_rows", np.empty(0)))
    everything = report.real.n if side == "real" else one(report, int(side)).n
    used = result.n_real if side == "real" else result.n_fake
    if len(rows) != size or used != everything:
        return np.full(size, -1, dtype=np.int64)
    return rows.astype(np.int64)


def shown(report: Report, side: Side, result: Result, rows: Array) -> tuple[Array, Array]:
    """Look the named rows up among the examples: the samples that are held, and which of ``rows`` they are."""
    place = {int(row): i for i, row in enumerate(example_rows(report, side, result)) if row >= 0}
    held = np.array([i for i, row in enumerate(np.ravel(rows)) if int(row) in place], dtype=np.int64)
    found = [place[int(np.ravel(rows)[i])] for i in held]
    return examples(report, side)[found], held


def both(fake: int) -> tuple[Side, Side]:
    """Name the real side and one sampler's."""
    return "real", fake


def is_image(report: Report, side: Side) -> bool:
    """Tell whether the examples of one side are images that can be drawn."""
    raw = examples(report, side)
    return report.real.kind == "image" and raw.ndim in (3, 4) and len(raw) > 0
