"""Nearest reference rows of a batch of queries, with exact distances, and the support that reference rows span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import distances_to

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]

LEVEL, FAR_LEVEL = 0.95, 0.995
FEWEST_FIT = 4
_MOST_FIT = 5000
_AROUND = 5
_SPACING = 3
_FEW_COLUMNS = 8
_VALUES = 2**22
_IN_CACHE = 2**15
_SPARE = 2


def nearest_rows(queries: Matrix, reference: Matrix, k: int = 1, *, own: Index | None = None) -> tuple[Matrix, Index]:
    """Find the k nearest reference rows of each query.

    Parameters
    ----------
    queries : ndarray, shape (q, d)
    reference : ndarray, shape (t, d)
    k : int
        At most t, or t - 1 with ``own``.
    own : ndarray of int, shape (q,), optional
        For queries that are reference rows themselves: which ones. They are not their own neighbours.

    Returns
    -------
    distances : ndarray, shape (q, k)
        Ascending, measured by differences: exactly 0 for equal rows.
    index : ndarray of int, shape (q, k)

    Notes
    -----
    Cost O(q t d), or about O(q log t) for up to 8 columns; memory is bounded.

    Examples
    --------
    >>> import numpy as np
    >>> nearest_rows(np.array([[1.0]]), np.array([[0.0], [3.0]]))
    (array([[1.]]), array([[0]]))
    """
    kept = min(k + _SPARE, len(reference) - (own is not None))
    find = _by_tree if queries.shape[1] <= _FEW_COLUMNS else _by_tiles
    near = find(queries, reference, kept, own)
    squares = np.empty(near.shape)
    rows = max(1, _IN_CACHE // queries.shape[1])
    for start in range(0, len(queries), rows):
        part = slice(start, start + rows)
        for column in range(kept):
            apart = queries[part] - reference[near[part, column]]
            squares[part, column] = np.square(apart, out=apart).sum(axis=1)
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return np.sqrt(np.take_along_axis(squares, order, axis=1)), np.take_along_axis(near, order, axis=1)


def _by_tree(queries: Matrix, reference: Matrix, kept: int, own: Index | None) -> Index:
    from scipy.spatial import KDTree

    asked = KDTree(reference).query(queries, k=kept + (own is not None))[1]
    found: Index = np.asarray(asked, dtype=np.int64).reshape(len(queries), -1)
    if own is None:
        return found
    # A row may be missing from its own list, behind equal rows; then the last one is left out.
    absent = ~(found == own[:, None]).any(axis=1)
    found[absent, -1] = own[absent]
    others: Index = found[found != own[:, None]].reshape(len(queries), kept)
    return others


def _by_tiles(queries: Matrix, reference: Matrix, kept: int, own: Index | None) -> Index:
    near = np.empty((len(queries), kept), dtype=np.int64)
    rows = max(1, _VALUES // len(reference))
    measured = distances_to(reference)
    for start in range(0, len(queries), rows):
        tile = measured(queries[start : start + rows])
        at = np.arange(len(tile))
        if own is not None:
            tile[at, own[start : start + rows]] = np.inf
        for column in range(kept):  # a few passes of argmin cost less than one argpartition
            found = tile.argmin(axis=1)
            near[start : start + rows, column] = found
            tile[at, found] = np.inf
    return near


@dataclass(frozen=True, kw_only=True, eq=False)
class Support:
    """Where real rows are: rows set aside, the spacing at each, and the distances that are still near."""

    rows: Matrix
    spacing: Vector
    threshold: float
    far_threshold: float

    def distances(self, queries: Matrix) -> Vector:
        """Measure each query's distance from the support, in units of the spacing there; at least 0."""
        found, index = nearest_rows(queries, self.rows, min(_AROUND, len(self.rows)))
        relative: Vector = found[:, 0] / np.median(self.spacing[index], axis=1)
        return relative

    def share_off(self, queries: Matrix) -> float:
        """Share the queries that are off support."""
        return float((self.distances(queries) > self.threshold).mean())


def fit_support(rows: Matrix, *, rng: np.random.Generator) -> Support:
    """Learn spacing and thresholds from rows set aside, each against the others.

    Parameters
    ----------
    rows : ndarray, shape (l, d)
        At least `FEWEST_FIT`; at most 5000 are used.
    rng : numpy.random.Generator
    """
    if len(rows) > _MOST_FIT:
        rows = rows[np.sort(rng.choice(len(rows), size=_MOST_FIT, replace=False))]
    found, index = nearest_rows(rows, rows, min(_AROUND, len(rows) - 1), own=np.arange(len(rows)))
    spacing = found[:, min(_SPACING, found.shape[1]) - 1]
    # Repeated rows have no spacing of their own: a thousandth of the typical one keeps the ratio finite.
    least = 1e-3 * float(np.median(spacing[spacing > 0])) if (spacing > 0).any() else 1.0
    spacing = np.maximum(spacing, least)
    left_out = found[:, 0] / np.median(spacing[index], axis=1)
    threshold, far = np.quantile(left_out, [LEVEL, FAR_LEVEL], method="higher").tolist()
    return Support(rows=rows, spacing=spacing, threshold=threshold, far_threshold=far)
