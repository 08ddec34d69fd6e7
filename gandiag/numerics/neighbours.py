"""Nearest neighbours and the balls they span: distances measured again wherever rounding could decide.

A ball of a point reaches to its k-th nearest neighbour of its own side, itself excluded. "closed" balls hold what lies
at exactly that distance, "open" ones do not (the reading of the ``prdc`` package, which gives 0 on duplicated rows).
Two distances count as equal within `TIE` of their size, since rounding splits equal ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Counts = NDArray[np.int64]
Whole = NDArray[np.signedinteger[Any]]
Ties = Literal["closed", "open"]

TIE = 1e-9
_ROWS = 256
_VALUES = 2**22
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


def knn_radii(points: Matrix, k: int) -> Vector:
    """Measure each point's distance to its k-th nearest other point.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    k : int
        From 1 to n - 1.

    Returns
    -------
    ndarray, shape (n,)
        At least 0; 0 where k other rows equal the point.

    Raises
    ------
    ConfigError
        When ``k`` is below 1.
    TooFewSamplesError
        When there are no k other points.

    Examples
    --------
    >>> knn_radii(np.array([[0.0], [1.0], [3.0]]), 1)
    array([1., 1., 2.])
    """
    require_neighbours(len(points), k)
    out = np.empty(len(points))
    kept = min(k + 8, len(points) - 1)
    for start, tile, _ in local_tiles(points, points):
        at = np.arange(len(tile))
        tile[at, start + at] = np.inf
        near = np.argpartition(tile, kept - 1, axis=1)[:, :kept]
        owners = np.repeat(start + at, kept)
        squares = exact_squares(points, owners, points, near.ravel()).reshape(near.shape)
        out[start : start + len(tile)] = np.sqrt(np.partition(squares, k - 1, axis=1)[:, k - 1])
    return out


def require_neighbours(n: int, k: int) -> None:
    """Refuse a number of neighbours that the points cannot have."""
    if k < 1:
        raise ConfigError("`k` must be at least 1", received=k, remedy="Use k=5.")
    if n <= k:
        raise TooFewSamplesError(
            f"balls to the {k}-th neighbour need more than {k} rows", received=n, remedy="Draw more, or lower k."
        )


def ball_counts(centres: Matrix, radii: Vector, points: Matrix, ties: Ties = "closed") -> tuple[Counts, Counts]:
    """Count points in balls, directly by distances and in bounded memory.

    Parameters
    ----------
    centres : ndarray, shape (n, d)
    radii : ndarray, shape (n,)
    points : ndarray, shape (m, d)
    ties : {"closed", "open"}

    Returns
    -------
    per_centre : ndarray of int, shape (n,)
        How many points each ball holds.
    per_point : ndarray of int, shape (m,)
        How many balls each point lies in.

    Notes
    -----
    Cost O(n m d) time; tiles of a few rows against all points. Pairs that rounding could decide are measured again.

    Examples
    --------
    >>> ball_counts(np.array([[0.0], [3.0]]), np.array([1.0, 1.0]), np.array([[1.0], [9.0]]))
    (array([1, 0]), array([1, 0]))
    """
    per_centre = np.zeros(len(centres), dtype=np.int64)
    per_point = np.zeros(len(points), dtype=np.int64)
    limit = np.square(radii * (1.0 + TIE if ties == "closed" else 1.0 - TIE))
    for start, tile, error in local_tiles(centres, points):
        reach = limit[start : start + len(tile), None]
        inside = tile <= reach if ties == "closed" else tile < reach
        i, j = np.nonzero(np.abs(tile - reach) <= error)
        squares = exact_squares(centres, start + i, points, j)
        inside[i, j] = squares <= reach[i, 0] if ties == "closed" else squares < reach[i, 0]
        per_centre[start : start + len(tile)] = inside.sum(axis=1)
        per_point += inside.sum(axis=0)
    return per_centre, per_point
