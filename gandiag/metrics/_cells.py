"""Cells for plug-in divergences, fixed without a look at either side under test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.errors import ConfigError
from gandiag.metrics._discrete import chosen, pooled_label_ids, pooled_row_ids
from gandiag.numerics.histograms import cell_centres, grid_cell, grid_edges, nearest_cell

Ids = NDArray[np.int64]

MOST_CELLS = 100


def cell_ids(comparison: Comparison, by: str, bins: int | None, rng: np.random.Generator) -> Ids | None:
    """Give each pooled row the number of its cell.

    Parameters
    ----------
    comparison : Comparison
    by : {"clusters", "grid", "rows", "labels"}
        Cells of k-means or of quantiles, both fitted on the rows set aside; equal rows; classes.
    bins : int, optional
        Cells in all; from the sizes where left out. Rows and classes take as many as there are.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n + m,), or None
        None where classes are asked for and a side has none.
    """
    if bins is not None and bins < 1:
        raise ConfigError("`bins` must be at least 1", received=bins, remedy="Pass bins=20.")
    return chosen(by, "by", _CUTS)(comparison, cells_for(comparison) if bins is None else bins, rng)


def cells_for(comparison: Comparison) -> int:
    """Choose the number of cells from the sizes alone: ten rows set aside and twenty pooled rows to each."""
    most = min(len(comparison.fit) // 10, (comparison.n + comparison.m) // 20, MOST_CELLS)
    return max(2, most)


def _clusters(comparison: Comparison, bins: int, rng: np.random.Generator) -> Ids:
    return nearest_cell(comparison.pooled()[0], cell_centres(comparison.fit, bins, rng))


def _grid(comparison: Comparison, bins: int, rng: np.random.Generator) -> Ids:
    per_column = max(2, int(bins ** (1.0 / comparison.d) + 1e-9))
    return grid_cell(comparison.pooled()[0], grid_edges(comparison.fit, per_column))


_CUTS: dict[str, Callable[[Comparison, int, np.random.Generator], Ids | None]] = {
    "clusters": _clusters,
    "grid": _grid,
    "rows": lambda comparison, bins, rng: pooled_row_ids(comparison),
    "labels": lambda comparison, bins, rng: pooled_label_ids(comparison),
}
