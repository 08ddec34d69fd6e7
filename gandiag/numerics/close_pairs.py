"""Pairs of rows within a radius, all of them: pruned by projections, measured again where rounding could decide.

An orthonormal projection never lengthens a distance, so pairs that are too far apart in one leading direction, or in a
few dozen of them, need no full measurement. The search degrades to all pairs when the radius is near the typical
distance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.neighbours import exact_squares, local_tile

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]

_ROWS = 256
_SKETCH = 32
_WIDE = 64  # columns beyond which a sketch is tried first
_SPARSE = 0.02  # share of surviving pairs beyond which one matrix product beats differences
_FITTED_ON = 512
_COLUMNS = 128
# Squares are trusted where the rounding error is below 1e-5 of them, or where both are negligible beside the limit.
_TRUSTED = 1e5
_NEGLIGIBLE = 1e-12
_SLACK = 1e-7  # relative width of the limit itself


def close_pairs(points: Matrix, radius: float) -> Iterator[tuple[Ids, Ids, Vector]]:
    """Yield ``(i, j, distances)`` blocks with every ordered pair of different rows within ``radius``, each once.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    radius : float
        At least 0; pairs at exactly this distance belong.

    Notes
    -----
    Distances are right to five digits, or to a millionth of the radius where that is more. All pairs of one row i come
    in one block. At worst O(n^2 d) time; memory of a few hundred rows against all.
    """
    directions = _leading_directions(points, _SKETCH)
    sketch = (points - points[0]) @ directions.T
    order = np.argsort(sketch[:, 0], kind="stable")
    points, sketch = points[order], sketch[order]
    line = sketch[:, 0]
    limit = radius**2 * (1.0 + _SLACK)
    reach = np.sqrt(limit) + 1e-9 * float(np.abs(line).max())
    for start in range(0, len(points), _ROWS):
        stop = min(start + _ROWS, len(points))
        left = int(np.searchsorted(line, line[start] - reach, side="left"))
        right = int(np.searchsorted(line, line[stop - 1] + reach, side="right"))
        i, j, squares = _within(points, sketch, slice(start, stop), slice(left, right), limit)
        keep = i != j
        yield order[i[keep]], order[j[keep]], np.sqrt(squares[keep])


def _within(points: Matrix, sketch: Matrix, rows: slice, columns: slice, limit: float) -> tuple[Ids, Ids, Vector]:
    """Find the pairs of one tile with a squared distance of at most ``limit``."""
    if points.shape[1] > _WIDE:
        tile, error = local_tile(sketch[rows], sketch[columns])
        i, j = np.nonzero(tile <= limit + error)
        if len(i) <= _SPARSE * tile.size:
            i, j = i + rows.start, j + columns.start
            squares = exact_squares(points, i, points, j)
            close = squares <= limit
            return i[close], j[close], squares[close]
    tile, error = local_tile(points[rows], points[columns])
    i, j = np.nonzero(tile <= limit + error)
    squares, error = tile[i, j], error[i, j]
    i, j = i + rows.start, j + columns.start
    unsure = (squares <= _TRUSTED * error) & (squares + error > _NEGLIGIBLE * limit)
    unsure |= np.abs(squares - limit) <= error
    unsure &= i != j
    squares[unsure] = exact_squares(points, i[unsure], points, j[unsure])
    close = squares <= limit
    return i[close], j[close], squares[close]


def _leading_directions(points: Matrix, most: int) -> Matrix:
    """Find up to ``most`` orthonormal directions of large spread, from an even choice of rows."""
    some = points[:: max(1, len(points) // _FITTED_ON)][:_FITTED_ON]
    directions: Matrix = np.linalg.svd(some - some.mean(axis=0), full_matrices=False)[2][:most]
    return directions


def small_distance(points: Matrix, rank: int) -> float:
    """Find the ``rank``-th smallest distance between two rows.

    Parameters
    ----------
    points : ndarray, shape (n, d)
        At least two rows.
    rank : int
        From 1 to n (n - 1)/2; small against that.

    Notes
    -----
    Neighbours along one direction give an upper bound, and a pruned search within it the answer.
    """
    order = np.argsort(points @ _leading_directions(points, 1)[0], kind="stable")
    width = min(len(points) - 1, max(16, 2 * -(-rank // len(points))))
    ahead = np.arange(len(points))[:, None] + np.arange(1, width + 1)
    row, step = np.nonzero(ahead < len(points))
    first = np.sqrt(exact_squares(points, order[row], points, order[row + step + 1]))
    bound = float(np.partition(first, rank - 1)[rank - 1])
    found = [distances[i < j] for i, j, distances in close_pairs(points, bound)]
    return float(np.partition(np.concatenate(found), rank - 1)[rank - 1])


@dataclass(frozen=True, kw_only=True, eq=False)
class CloseGraph:
    """Rows that have a close neighbour, and their nearest neighbours.

    Attributes
    ----------
    rows : ndarray of int, shape (G,)
    neighbours : ndarray of int, shape (G, K)
        Nearest first, padded by the row itself.
    degree : ndarray of int, shape (G,)
        How many of them are neighbours.
    """

    rows: Ids
    neighbours: Ids
    degree: Ids

    def sides(self, labels: Labels) -> tuple[Vector, Vector]:
        """Count the rows with a neighbour of their own label, among those with the label and without, shape (B,)."""
        real, fake = np.zeros(labels.shape[1]), np.zeros(labels.shape[1])
        if len(self.rows):
            for start in range(0, labels.shape[1], _COLUMNS):
                part = slice(start, start + _COLUMNS)
                own = labels[self.rows, part]
                paired = self._paired(np.ascontiguousarray(labels[:, part]), own)
                real[part], fake[part] = (paired & own).sum(axis=0), (paired & ~own).sum(axis=0)
        return real, fake

    def _paired(self, labels: Labels, own: Labels) -> Labels:
        paired = np.zeros_like(own)
        looking = np.arange(len(own))
        for at in range(self.neighbours.shape[1]):
            looking = looking[self.degree[looking] > at]
            paired[looking] |= labels[self.neighbours[looking, at]] == own[looking]
            if at % 4 == 3:
                looking = looking[~paired[looking].all(axis=1)]
            if not len(looking):
                break
        return paired


def close_graph(i: Ids, j: Ids, rows: int) -> CloseGraph:
    """Build the graph of ordered pairs that are sorted by row, nearest neighbours first."""
    degree = np.bincount(i, minlength=rows)
    chosen = np.flatnonzero(degree)
    starts = np.cumsum(degree) - degree
    place = np.arange(len(i)) - starts[i]
    at = np.full(rows, -1, dtype=np.int64)
    at[chosen] = np.arange(len(chosen))
    neighbours = np.repeat(chosen[:, None], int(degree.max(initial=0)), axis=1)
    neighbours[at[i], place] = j
    return CloseGraph(rows=chosen, neighbours=neighbours, degree=degree[chosen])
