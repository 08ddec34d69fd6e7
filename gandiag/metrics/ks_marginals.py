"""Kolmogorov-Smirnov distances of the columns: which single features differ, and whether any does.

``D_j = sup_x |F_j(x) - G_j(x)|`` for every column j; the estimate is the largest. Each is a lower bound on the total
variation of both laws; between unit normals delta apart it equals it, ``2 Phi(delta / 2) - 1``.

Each column has the p-value of continuous data, exact up to ``n m = 10^4`` and asymptotic beyond, with Holm's adjustment
over the columns (valid under any dependence). Whole numbers and clipped values break that p-value: it is then too
large. So the p-value of the metric, and a second one for each column, come from permutations, which ties do not harm:
the largest distance of all columns under one set of relabellings (Westfall & Young 1993, "Resampling-based multiple
testing", section 2.6), which also uses that columns depend on each other.

Passing here says nothing about how columns go together: a generator that draws every column by itself passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.contingency import holm_adjusted
from gandiag.numerics.marginals import SortedColumns, ks_p_values, step_down_max

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

MOST_COLUMNS = 1024
LEVEL = 0.05
_LISTED = 10
# Values that may be looked at: sets how many permutations the columns get.
_WORK, _OWN_WORK = 4e9, 2e8


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the largest Kolmogorov-Smirnov distance of the columns, with the table of all of them.

    At most `MOST_COLUMNS` columns are looked at, evenly spaced.
    """
    columns = _spaced(comparison.d)
    pool, is_real = comparison.pooled()
    ranked = SortedColumns.of(pool[:, columns])
    distances = ranked.distances(is_real[:, None])[:, 0]
    values = float(len(pool) * len(columns))
    own = int(np.clip(_OWN_WORK / values, 99, 999))
    shuffled = rng.permuted(np.tile(is_real, (own, 1)), axis=1).T
    raw, calibration = ks_p_values(distances, comparison.n, comparison.m)
    table = {
        "columns": columns,
        "distances": distances,
        "p_values": raw,
        "holm": holm_adjusted(raw),
        "adjusted": step_down_max(distances, ranked.distances(shuffled)),
    }

    def statistic(labels: Labels) -> Matrix:
        largest: Matrix = ranked.distances(labels).max(axis=0)[None, :]
        return largest

    return Measurement(
        estimate=float(distances.max()),
        null=Relabelling(observed=is_real, statistic=statistic, draws=max(199, int(_WORK / values))),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the largest of many distances is biased upwards: no interval is calibrated",
        },
        warnings=() if len(columns) == comparison.d else (f"{len(columns)} of {comparison.d} columns were looked at",),
        details={
            "calibration_of_columns": calibration,
            "tied": any(len(ends) < len(pool) - 1 for ends in ranked.ends),
            "differing_columns": int((table["adjusted"] <= LEVEL).sum()),
            "differing_columns_holm": int((table["holm"] <= LEVEL).sum()),
            "worst": _worst(table),
        },
        arrays=table,
    )


def _worst(table: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """List the columns with the largest distances."""
    return [
        {
            "column": int(table["columns"][i]),
            "distance": float(table["distances"][i]),
            "p_value": float(table["p_values"][i]),
            "holm": float(table["holm"][i]),
            "adjusted": float(table["adjusted"][i]),
        }
        for i in np.argsort(-table["distances"], kind="stable")[:_LISTED]
    ]


def _spaced(d: int) -> NDArray[np.int64]:
    return np.arange(d) if d <= MOST_COLUMNS else np.linspace(0, d - 1, MOST_COLUMNS).astype(np.int64)


METRIC = MetricSpec(
    name="ks_marginals",
    title="Kolmogorov-Smirnov of the columns",
    summary="Largest difference of any single feature's distribution, 0 is best; which features differ, and how sure.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="probability",
    low=0.0,
    high=1.0,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=1000,
    sees="every difference of single features: location, scale, shape, values that are missing or repeated",
    blind_to="how features go together: columns drawn independently of each other pass",
    cost="O((n + m) d (log(n + m) + B))",
    source="Smirnov 1939; Hodges 1958, section 4; Westfall & Young 1993, section 2.6; agrees with scipy.stats.ks_2samp",
    default=False,
)
