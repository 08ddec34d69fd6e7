"""Pairs of rows within a radius, all of them: pruned by projections, measured again where rounding could decide.

An orthonormal projection never lengthens a distance, so pairs that are too far apart in one leading direction, or in a
few dozen of them, need no full measurement. The search degrades to all pairs when the radius is near the typical
distance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.neighbours import exact_squares, local_tile, scaled_squares
from gandiag.numerics.tiles import Board, Side, sides

if TYPE_CHECKING:
    from scipy.spatial import KDTree

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]

_ROWS = 256
_SKETCH = 24
_IN_TREE = 3
_ASKED = 64  # rows that say how many pairs to expect
_FEW_PAIRS = 2**22
_SPARSE = 0.02  # share of surviving pairs beyond which one matrix product beats differences
_FITTED_ON = 128
_GATHERED = 2**20
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
    in one block. About O(n d + pairs) time where the radius is far below the spread, at worst O(n^2 d); memory of a few
    hundred rows against all.
    """
    search = _Search(points, radius)
    if search.is_sparse():
        yield search.by_tree()
        return
    for start in range(0, len(points), _ROWS):
        i, j, distances = search.within(slice(start, min(start + _ROWS, len(points))))
        keep = i != j
        yield search.order[i[keep]], search.order[j[keep]], distances[keep]


class _Search:
    """Rows in the order of their leading direction, their sketch in a few directions, and the limits of both."""

    def __init__(self, points: Matrix, radius: float) -> None:
        sketch, self.rounding, self.exponent = _sketch(points, _SKETCH)
        self.order = np.argsort(sketch[:, 0], kind="stable")
        self.points, self.sketch = points, sketch[self.order]
        self.reach = float(np.ldexp(radius, -self.exponent)) * (1.0 + _SLACK / 2.0)
        self.limit = self.reach**2
        self.wide = self.reach + self.rounding

    @cached_property
    def tree(self) -> KDTree:
        """The first few columns of the sketch as a tree."""
        from scipy.spatial import KDTree

        return KDTree(self.sketch[:, :_IN_TREE])

    def is_sparse(self) -> bool:
        """Tell from some rows whether few pairs are close enough in the first few directions."""
        some = self.sketch[:: max(1, len(self.sketch) // _ASKED), :_IN_TREE]
        near = self.tree.query_ball_point(some, self.wide, return_length=True).mean() - 1.0
        return float(near) * len(self.sketch) <= _FEW_PAIRS

    def by_tree(self) -> tuple[Ids, Ids, Vector]:
        """Find all pairs at once: near in the tree's columns, then in the whole sketch, then in full."""
        found = self.tree.query_pairs(self.wide, output_type="ndarray")
        near = scaled_squares(self.sketch, found[:, 0], self.sketch, found[:, 1], 0) <= self.wide**2
        i, j = self.order[found[near, 0]], self.order[found[near, 1]]
        i, j, distances = self._close(i, j, scaled_squares(self.points, i, self.points, j, self.exponent))
        i, j, distances = np.concatenate([i, j]), np.concatenate([j, i]), np.tile(distances, 2)
        order = np.argsort(i, kind="stable")
        return i[order], j[order], distances[order]

    @cached_property
    def _tiles(self) -> tuple[Side, Vector, Board]:
        (side,) = sides(self.sketch)
        near = np.full(len(side), float(np.ldexp(self.wide, -side.exponent)))
        floors = -0.5 * np.square(near) - side.errors(near, side)
        return side, floors, Board(side, min(_ROWS, len(side)), len(side))

    def within(self, rows: slice) -> tuple[Ids, Ids, Vector]:
        """Find the pairs of a few rows, by their places in the order."""
        line = self.sketch[:, 0]
        left = int(np.searchsorted(line, line[rows.start] - self.wide, side="left"))
        right = int(np.searchsorted(line, line[rows.stop - 1] + self.wide, side="right"))
        columns = slice(left, right)
        side, floors, board = self._tiles
        board.put(side, rows)
        board.against(side, columns)
        i, j, _ = board.at_least(floors[rows], by_row=True)
        pairs = (rows.stop - rows.start) * (right - left)
        if len(i) > _SPARSE * pairs and self.points.shape[1] > _SKETCH:
            return self._by_product(rows, columns)
        i, j = i + rows.start, j + columns.start
        squares = scaled_squares(self.points, self.order[i], self.points, self.order[j], self.exponent)
        return self._close(i, j, squares)

    def _by_product(self, rows: slice, columns: slice) -> tuple[Ids, Ids, Vector]:
        """Find the pairs of one tile by a matrix product, where too many pass the sketch."""
        found = []
        step = max(_ROWS, _GATHERED // self.points.shape[1])
        left = np.ldexp(self.points[self.order[rows]], -self.exponent)
        for start in range(columns.start, columns.stop, step):
            part = slice(start, min(start + step, columns.stop))
            tile, error = local_tile(left, np.ldexp(self.points[self.order[part]], -self.exponent))
            i, j = np.nonzero(tile <= self.limit + error)
            squares, error = tile[i, j], error[i, j]
            i, j = i + rows.start, j + part.start
            unsure = (squares <= _TRUSTED * error) & (squares + error > _NEGLIGIBLE * self.limit)
            unsure |= np.abs(squares - self.limit) <= error
            unsure &= i != j
            at = self.order[i[unsure]], self.order[j[unsure]]
            squares[unsure] = scaled_squares(self.points, at[0], self.points, at[1], self.exponent)
            found.append(self._close(i, j, squares))
        i, j, distances = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(i, kind="stable")
        return i[order], j[order], distances[order]

    def _close(self, i: Ids, j: Ids, squares: Vector) -> tuple[Ids, Ids, Vector]:
        close = squares <= self.limit
        return i[close], j[close], np.ldexp(np.sqrt(squares[close]), self.exponent)


def _sketch(points: Matrix, most: int) -> tuple[Matrix, float, int]:
    """Project on up to ``most`` directions of large spread, in units of a power of two that brings the spread to 1.

    Returns
    -------
    sketch : ndarray, shape (n, most)
        Distances in it are at most those of the rows, in its units, plus the rounding.
    rounding : float
    exponent : int
    """
    some = points[:: max(1, len(points) // _FITTED_ON)][:_FITTED_ON]
    some = some - np.median(some, axis=0)
    exponent = int(np.frexp(np.abs(some).max())[1])
    some = np.ldexp(some, -exponent)
    some -= some.mean(axis=0)
    d = some.shape[1]
    if d <= len(some):
        directions = np.linalg.eigh(some.T @ some)[1][:, ::-1][:, :most]
    else:
        values, vectors = (part[..., ::-1][..., :most] for part in np.linalg.eigh(some @ some.T))
        directions = some.T @ (vectors / np.sqrt(np.maximum(values, 1e-12 * max(values[0], 1e-300))))
    # Whatever rounding left of orthonormality: no distance grows under directions of norm at most 1.
    directions = directions / max(1.0, math.sqrt(np.abs(directions.T @ directions).sum(axis=1).max()))
    largest = float(np.ldexp(max(points.max(), -points.min()), -exponent))
    sketch = points @ np.ldexp(directions, -exponent)
    # Of both ends of a distance, by the bound of inner products, in all directions together.
    rounding = 2.1 * d * 2.0**-53 * math.sqrt(d * directions.shape[1]) * largest + 1e-300
    return sketch, rounding, exponent


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
    order = np.argsort(_sketch(points, 1)[0][:, 0], kind="stable")
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
