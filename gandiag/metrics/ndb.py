"""Number of statistically different bins, with the control that the original lacks.

Space is cut in K cells, the shares of real and fake in each are compared by a two-proportion z-test, and the share of
cells that differ at level alpha is reported: NDB/K (Richardson & Weiss 2018, "On GANs and GMMs", section 3.1). Under
equal laws it is about alpha, never 0. Three things differ from the original:

* The cells are clusters of rows set aside. K-means balances the counts of the rows it is fitted on, so their shares
  are no sample to test against.
* The p-value is one exact test of the whole table (Pearson's statistic by permutation), where the original has none.
* Single cells are named by exact hypergeometric tests under Holm's rule: K uncorrected tests name some five of a
  hundred cells in every comparison.

Cells that hold no row of either side say nothing and are left out of K. Nothing within a cell is seen; `mode_coverage`
asks the same of modes, in place of cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.metrics._cells import cell_ids
from gandiag.metrics._discrete import undefined
from gandiag.numerics.contingency import chi_square_homogeneity, count_tails, holm_adjusted, two_proportion_scores
from gandiag.numerics.histograms import Cells, cells_of, jensen_shannon_floor, jensen_shannon_shares

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

FEWEST_PER_CELL = 5.0


def measure(
    comparison: Comparison,
    /,
    *,
    rng: np.random.Generator,
    bins: int | None = None,
    alpha: float = 0.05,
    by: str = "clusters",
) -> Measurement:
    """Measure the share of cells that differ, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    bins : int, optional
        Number K of cells; from the sizes where left out, at most 100.
    alpha : float
        Level of the test of each cell, and of the family of exact tests that names cells.
    by : {"clusters", "grid", "rows", "labels"}
        What a cell is.
    """
    if not 0.0 < alpha < 1.0:
        raise ConfigError("`alpha` must lie strictly between 0 and 1", received=alpha, remedy="Use alpha=0.05.")
    ids = cell_ids(comparison, by, bins, rng)
    if ids is None:
        return undefined("real and fake rows must both carry classes for by='labels'")
    is_real = comparison.pooled()[1]
    cells = cells_of(ids)
    statistic = _statistic(cells, alpha)
    real = cells.real(is_real[:, None])
    share, chi_square = statistic(is_real[:, None])[:, 0].tolist()
    details = {"by": by, "alpha": float(alpha), "cells": len(cells.held), "ndb": round(share * len(cells.held))}
    details |= {"chi_square": chi_square, "expected_per_cell": min(comparison.n, comparison.m) / len(cells.held)}
    return Measurement(
        estimate=share,
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={"e_value": "not a sequential test", "interval": "a count of rejected tests estimates no quantity"},
        warnings=_thin(details["expected_per_cell"]),
        details=details | _named(real[:, 0], cells, comparison, alpha),
        arrays={
            "counts": np.stack([real[:, 0], cells.totals - real[:, 0]]).astype(np.int64),
            "scores": two_proportion_scores(real, cells.totals)[:, 0],
            "real_cells": np.searchsorted(cells.held, ids[: comparison.n]),
        },
    )


def _statistic(cells: Cells, alpha: float) -> Any:
    """Make the share of different cells, and Pearson's statistic of the table, functions of the labels."""
    from scipy.special import ndtri

    limit = float(ndtri(1.0 - alpha / 2.0))

    def statistic(labels: Labels) -> Matrix:
        real = cells.real(labels)
        different = np.abs(two_proportion_scores(real, cells.totals)) > limit
        return np.stack([different.mean(axis=0), chi_square_homogeneity(real, cells.totals)])

    return statistic


def _named(real: NDArray[np.float64], cells: Cells, comparison: Comparison, alpha: float) -> dict[str, Any]:
    """Name the cells that differ for certain, and give the divergence that the original prints beside its count."""
    n, m = comparison.n, comparison.m
    fake = cells.totals - real
    fewer, more = count_tails(fake.astype(np.int64), real.astype(np.int64), m, n)
    adjusted = holm_adjusted(np.concatenate([fewer, more])).reshape(2, -1)
    return {
        "too_few": np.flatnonzero(adjusted[0] <= alpha).tolist(),
        "too_many": np.flatnonzero(adjusted[1] <= alpha).tolist(),
        "holm_p": float(adjusted.min()),
        "jsd": float(jensen_shannon_shares(real[:, None], fake[:, None])[0]),
        "jsd_floor": jensen_shannon_floor(len(real), n, m),
    }


def _thin(expected: float) -> tuple[str, ...]:
    if expected >= FEWEST_PER_CELL:
        return ()
    return (
        f"some {expected:.1f} rows to a cell: the z-tests of single cells do not hold their level; take fewer bins",
    )


METRIC = MetricSpec(
    name="ndb",
    title="Number of different bins",
    summary="In what share of regions do real and fake hold different shares? alpha = 0.05 of them under equal laws.",
    measure=measure,
    kind="index",
    direction="lower",
    unit="share of bins",
    low=0.0,
    high=1.0,
    family="modes",
    topic="modes",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="regions that hold too many or too few samples",
    blind_to="all that happens within a bin, and how much the shares differ where rows are many",
    cost="O(l K d) for l rows set aside and K bins, O((n + m) (K d + B))",
    source="Richardson & Weiss 2018, On GANs and GMMs, section 3.1, with bins from rows set aside and an exact test",
    default=False,
)
