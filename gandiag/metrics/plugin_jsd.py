"""Plug-in Jensen-Shannon divergence: two histograms over cells that neither side has chosen.

``JSD = (KL(p, (p + q)/2) + KL(q, (p + q)/2)) / 2`` of the shares per cell, in nats. Cells are clusters of the rows set
aside, a grid of their quantiles, equal rows, or classes. Merging values into cells never raises a divergence, so for
infinitely many rows the number is a lower bound on the divergence of the laws; for finitely many it is biased upwards,
by about ``(K - 1)/8 (1/n + 1/m)`` for K occupied cells, which is what the floor shows and `corrected` takes off. With
weights ``n/N`` and ``m/N`` it is the likelihood-ratio statistic: ``2 N JSD_pi`` is about chi-square with K - 1 degrees
of freedom under equal laws; the p-value is the permutation one, which needs no approximation.

Cells that are cut around the real sample under test balance its counts, and neither floor nor test then fits: that is
why they come from the rows set aside. Nothing within a cell is seen. `jsd` has the bound by a critic, without cells.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._cells import cell_ids
from gandiag.metrics._discrete import undefined
from gandiag.numerics.histograms import (
    cells_of,
    g_statistic,
    jensen_shannon_floor,
    jensen_shannon_shares,
    total_variation_shares,
)

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

LARGEST = math.log(2.0)


def measure(
    comparison: Comparison, /, *, rng: np.random.Generator, by: str = "clusters", bins: int | None = None
) -> Measurement:
    """Measure the plug-in divergence over cells, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    by : {"clusters", "grid", "rows", "labels"}
        What a cell is.
    bins : int, optional
        Cells of clusters or grid; from the sizes where left out.
    """
    ids = cell_ids(comparison, by, bins, rng)
    if ids is None:
        return undefined("real and fake rows must both carry classes for by='labels'")
    is_real = comparison.pooled()[1]
    cells = cells_of(ids)

    def statistic(labels: Labels) -> Matrix:
        real = cells.real(labels)
        return jensen_shannon_shares(real, cells.totals[:, None] - real)[None, :]

    real = cells.real(is_real[:, None])
    fake = cells.totals[:, None] - real
    estimate = float(statistic(is_real[:, None])[0, 0])
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the plug-in is biased upwards and degenerate where both laws are equal",
        },
        details={"by": by, **_details(real, fake, estimate, comparison.n, comparison.m)},
        arrays={"counts": np.concatenate([real, fake], axis=1).T.astype(np.int64)},
    )


def _details(real: Matrix, fake: Matrix, estimate: float, n: int, m: int) -> dict[str, Any]:
    from scipy.special import gammaincc

    cells, g = len(real), float(g_statistic(real, fake)[0])
    bias = jensen_shannon_floor(cells, n, m)
    return {
        "cells": cells,
        "bias": bias,
        "corrected": max(0.0, estimate - bias),
        "bits": estimate / LARGEST,
        "js_distance": math.sqrt(estimate),
        "total_variation": float(total_variation_shares(real, fake)[0]),
        "g": g,
        "g_p": float(gammaincc((cells - 1) / 2.0, g / 2.0)) if cells > 1 else 1.0,
        "expected_per_cell": min(n, m) / cells,
        "only_real": int((fake == 0).sum()),
        "only_fake": int((real == 0).sum()),
    }


METRIC = MetricSpec(
    name="plugin_jsd",
    title="Plug-in Jensen-Shannon divergence",
    summary="Divergence of two histograms over cells that neither side has chosen, with its bias and exact null.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="nats",
    low=0.0,
    high=LARGEST,
    family="distribution",
    topic="divergences",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="shares of regions, classes or values that differ",
    blind_to="all that happens within a cell",
    cost="O(l K d) for l rows set aside and K cells, O((n + m) (K d + B))",
    source="Lin 1991, Divergence measures based on the Shannon entropy; bias from Wilks' theorem",
    default=False,
)
