"""Comparisons brought to the form that a metric needs: the contract tests and the null simulation feed every metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gandiag.core.checks import Matrix
from gandiag.core.comparison import Comparison
from gandiag.core.specs import MetricSpec

_SIDES = ("real", "fake", "fit", "train")


def suited(spec: MetricSpec, comparison: Comparison) -> Comparison:
    """Give a comparison of plain vectors what ``spec`` needs.

    Every side goes through one fixed map of its rows, so equal laws stay equal laws. Classes depend on the first
    column alone.
    """
    given: dict[str, Any] = {side: rows for side in _SIDES if (rows := getattr(comparison, side)) is not None}
    if "probabilities" in spec.needs:
        given = {side: _as_probabilities(rows) for side, rows in given.items()}
    if "discrete" in spec.needs:
        given = {side: np.rint(2.0 * rows) if (rows != np.rint(rows)).any() else rows for side, rows in given.items()}
    labels: dict[str, Any] = {}
    if spec.needs & {"labels", "classes"} and comparison.real_labels is None:
        labels = {f"{side}_labels": _classes(given[side]) for side in _SIDES[:3]}
    return replace(
        comparison,
        **given,
        **labels,
        outside=np.zeros(comparison.m, dtype=bool) if comparison.outside is None else comparison.outside,
        image_shape=(1, comparison.d) if "images" in spec.needs else comparison.image_shape,
        features=f"inception:{comparison.d}:example" if "inception" in spec.needs else comparison.features,
        _shared={},
    )


def _as_probabilities(rows: Matrix) -> Matrix:
    if (rows >= 0.0).all() and (rows.sum(axis=1) > 0.0).all():
        weights = rows
    else:
        weights = np.exp(rows - rows.max(axis=1, keepdims=True))
    out: Matrix = weights / weights.sum(axis=1, keepdims=True)
    return out


def _classes(rows: Matrix) -> np.ndarray:
    out: np.ndarray = (rows[:, 0] > 0.0).astype(np.int64) + (rows[:, 0] > 1.0)
    return out
