"""Distances to the k-th neighbour: measured again in double precision wherever rounding could decide.

A ball of a point reaches to its k-th nearest neighbour of its own side, itself excluded. "closed" balls hold what lies
at exactly that distance; those of the ``prdc`` package, named "prdc", do not, and so give 0 on duplicated rows. Two
distances count as equal within `TIE` of their size, since rounding splits equal ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.backend import Array, on_host
from gandiag.numerics.equal_rows import row_ids
from gandiag.numerics.tiles import Board, Side, cuts, sides

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Counts = NDArray[np.int64]
Whole = NDArray[np.signedinteger[Any]]
Ties = Literal["closed", "prdc"]

TIE = 1e-9
_ROWS = 256
_VALUES = 2**15  # differences that stay in a core's cache
_MOST_KEPT = 2**23
_BLOCK = 2**22  # on a device, where each call costs more than its work
# Rounding of the expansion a.a + b.b - 2 a.b, relative to the larger squared norm; generous for thousands of columns.
_ROUNDING = 1e-13


def local_tile(rows: Matrix, columns: Matrix) -> tuple[Matrix, Matrix]:
    """Measure all squared distances between a few rows and the columns, and the largest rounding error of each.

    The tile is centred on its own rows, so that tight clusters far from the origin keep their digits.
    """
    centre = rows.mean(axis=0)
    a, b = rows - centre, columns - centre
    tile = a @ b.T
    tile *= -2.0
    error = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None, :]
    tile += error
    error *= _ROUNDING
    return np.maximum(tile, 0.0, out=tile), error


def local_tiles(rows: Matrix, columns: Matrix, size: int = _ROWS) -> Iterator[tuple[int, Matrix, Matrix]]:
    """Yield ``(first row, squared distances, largest rounding errors)`` of ``size`` rows against all columns."""
    for start in range(0, len(rows), size):
        yield start, *local_tile(rows[start : start + size], columns)


def exact_squares(a: Matrix, i: Whole, b: Matrix, j: Whole) -> Vector:
    """Measure squared distances of row pairs ``a[i], b[j]`` by differences, in bounded memory."""
    out = np.empty(len(i))
    step = max(1, _VALUES // a.shape[1])
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        out[part] = np.square(a[i[part]] - b[j[part]]).sum(axis=1)
    return out


def scaled_squares(a: Array, i: Whole, b: Array, j: Whole, exponent: int) -> Vector:
    """Measure squared distances of row pairs by differences, in units of ``2**exponent``; arrays may lie anywhere."""
    out = np.empty(len(i))
    block = _VALUES if isinstance(a, np.ndarray) else _BLOCK
    step, half = max(1, block // a.shape[1]), -exponent // 2
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        apart = a[i[part]] - b[j[part]]
        if exponent:
            apart *= 2.0**half
            apart *= 2.0 ** (-exponent - half)
        apart *= apart
        out[part] = on_host(apart.sum(1))
    return out


def knn_radii(points: Array, k: int) -> Vector:
    """Measure each point's distance to its k-th nearest other point.

    Parameters
    ----------
    points : array, shape (n, d)
    k : int
        From 1 to n - 1.

    Returns
    -------
    ndarray, shape (n,)
        At least 0; 0 where k other rows equal the point. As exact as differences in double precision.

    Raises
    ------
    ConfigError
        When ``k`` is below 1.
    TooFewSamplesError
        When there are no k other points.

    Notes
    -----
    Cost O(n^2 d / 2) in tiles of bounded memory, most of it one matrix product in single precision.

    Examples
    --------
    >>> knn_radii(np.array([[0.0], [1.0], [3.0]]), 1)
    array([1., 1., 2.])
    """
    require_neighbours(len(points), k)
    (side,) = sides(points)
    return radii_of(points, side, k)


def require_neighbours(n: int, k: int) -> None:
    """Refuse a number of neighbours that the points cannot have."""
    if k < 1:
        raise ConfigError("`k` must be at least 1", received=k, remedy="Use k=5.")
    if n <= k:
        raise TooFewSamplesError(
            f"balls to the {k}-th neighbour need more than {k} rows", received=n, remedy="Draw more, or lower k."
        )


def radii_of(points: Array, side: Side, k: int) -> Vector:
    """Measure each point's distance to its k-th nearest other point, where the tiles' side is there already."""
    n = len(side)
    blocks = cuts(n, 2 * (k + 1))
    board = Board(side, max(b.stop - b.start for b in blocks), max(b.stop - b.start for b in blocks))
    near = _Nearest(points, side, k)
    for block in blocks:
        board.put(side, block)
        board.against(side, block)
        near.begin(board, block)
    for at, rows in enumerate(blocks):
        board.put(side, rows)
        for columns in blocks[at + 1 :]:
            board.against(side, columns)
            near.collect(board, rows, columns, by_row=True)
            near.collect(board, rows, columns, by_row=False)
    return np.ldexp(np.sqrt(near.squares()), side.exponent)


class _Nearest:
    """The k nearest other rows of each row, collected tile by tile.

    The tile of a block with itself bounds each radius from above; from then on only pairs within that bound, and the
    rounding, are kept: about k for each further block.
    """

    def __init__(self, points: Array, side: Side, k: int) -> None:
        self.points, self.side, self.k = points, side, k
        self.floors, self.errors = np.empty(len(side)), np.empty(len(side))
        self.repeated = np.zeros(len(side), dtype=bool)
        self._ids: Counts | None = None
        self._kept: list[tuple[Counts, Counts, Vector]] = []
        self._count = 0

    def begin(self, board: Board, block: slice) -> None:
        """Bound the radii of a block by the tile of the block with itself, and keep what lies within."""
        at = np.arange(block.stop - block.start)
        board.tile[at, at] = -np.inf
        kth = board.largest(self.k)
        # The k nearest by tile are within this distance, whatever the rounding: it solves x^2 <= r^2 + 2 rounding.
        norms, unit = self.side.norms[block], self.side.rounding
        reach = 1.01 * np.sqrt(np.maximum(-2.0 * kth, 0.0) + 5.0 * unit * np.square(norms)) + 5.0 * unit * norms
        errors = self.side.errors(reach, self.side, block)
        if (kth >= -errors).any():  # perhaps rows with k copies, whose radius is 0 whatever else there is
            if self._ids is None:
                self._ids = row_ids(on_host(self.points))
            self.repeated[block] = np.bincount(self._ids)[self._ids[block]] > self.k
        self.errors[block] = errors
        self.floors[block] = np.where(self.repeated[block], np.inf, kth - 2.0 * errors)
        self.collect(board, block, block, by_row=True)

    def collect(self, board: Board, rows: slice, columns: slice, *, by_row: bool) -> None:
        """Keep the pairs of a tile that may be among the nearest of their row, or of their column."""
        i, j, closeness = board.at_least(self.floors[rows if by_row else columns], by_row=by_row)
        i, j = i + rows.start, j + columns.start
        self._kept.append((i, j, closeness) if by_row else (j, i, closeness))
        self._count += len(i)
        if self._count > _MOST_KEPT:
            i, j, closeness, kth, _ = self._ordered()
            near = closeness >= (kth - 2.0 * self.errors)[i]
            self._kept = [(i[near], j[near], closeness[near])]
            self._count = -int(near.sum())  # doubles before the next time

    def _ordered(self) -> tuple[Counts, Counts, Vector, Vector, Counts]:
        i, j, closeness = (np.concatenate(part) for part in zip(*self._kept, strict=True))
        order = np.lexsort((-closeness, i))
        i, j, closeness = i[order], j[order], closeness[order]
        starts = np.searchsorted(i, np.arange(len(self.side)))
        kth = np.zeros(len(self.side))
        kth[~self.repeated] = closeness[starts[~self.repeated] + self.k - 1]
        return i, j, closeness, kth, starts

    def squares(self) -> Vector:
        """Measure the k-th smallest squared distances, in units of the tiles."""
        i, j, closeness, kth, _ = self._ordered()
        # The k-th is among those within twice the rounding of it; what is nearer is surely among the k - 1 before.
        unsure = np.abs(closeness - kth[i]) <= 2.0 * self.errors[i]
        before = np.bincount(i[~unsure & (closeness > kth[i])], minlength=len(self.side))
        i, j = i[unsure], j[unsure]
        found = scaled_squares(self.points, i, self.points, j, self.side.exponent)
        order = np.lexsort((found, i))
        out = np.zeros(len(self.side))
        some = np.flatnonzero(~self.repeated)
        out[some] = found[order][np.searchsorted(i[order], some) + self.k - 1 - before[some]]
        return out
