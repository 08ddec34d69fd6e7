"""Counts of either side in cells that were cut on rows set aside, and relabellings of the table of counts.

A relabelling of all rows, seen through their cells alone, is a draw of the real counts from a multivariate
hypergeometric law: the permutation test of a statistic of counts needs the counts and no rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.results import Floor, PValue
from gandiag.core.streams import Arrays, Block, Frame, StateSpec, summed
from gandiag.numerics.histograms import cell_centres, nearest_cell

MOST_CELLS = 100
DRAWS = 2499


def _fix(frame: Frame, *, rng: np.random.Generator) -> Arrays:
    """Cut space in ten rows set aside and twenty pooled rows to a cell, as `plugin_jsd` and `ndb` do."""
    cells = max(2, min(len(frame.fit) // 10, (frame.n + frame.m) // 20, MOST_CELLS))
    return {"centres": cell_centres(frame.fit, cells, rng)}


def _of(block: Block, fixed: Arrays) -> Arrays:
    k = len(fixed["centres"])
    sides = {"real": block.real, "fake": block.fake}
    return {side: np.bincount(nearest_cell(rows, fixed["centres"]), minlength=k) for side, rows in sides.items()}


CELLS = StateSpec(name="cells", fix=_fix, of=_of, merge=summed)


def occupied(state: Arrays) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the counts of real and fake in cells that hold a row, each shape (K,)."""
    real, fake = state["real"], state["fake"]
    held = real + fake > 0
    return real[held], fake[held]


def relabelled(
    statistic: Callable[[Matrix, Matrix], Matrix],
    real: NDArray[np.int64],
    fake: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Matrix, Floor, PValue]:
    """Test a statistic of counts by relabelling.

    Parameters
    ----------
    statistic : callable
        Counts of real and fake (K, B) to (S, B): the estimate first, what is tested last; more is worse.

    Returns
    -------
    observed : ndarray, shape (S,)
    floor : Floor
        Of the estimate.
    p_value : PValue
    """
    totals = real + fake
    drawn = rng.multivariate_hypergeometric(totals, int(real.sum()), size=DRAWS, method="marginals").T
    null = statistic(drawn.astype(np.float64), (totals[:, None] - drawn).astype(np.float64))
    observed = statistic(real[:, None].astype(np.float64), fake[:, None].astype(np.float64))[:, 0]
    as_large = int(np.count_nonzero(null[-1] >= observed[-1] - 1e-12 * (1.0 + abs(observed[-1]))))
    floor = Floor(mean=float(null[0].mean()), sd=float(null[0].std(ddof=1)), source="permutation of the counts")
    return observed, floor, PValue(value=(1 + as_large) / (1 + DRAWS), calibration="permutation", draws=DRAWS)
