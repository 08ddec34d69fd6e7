"""Distances in tiles, centred first, measured again by differences where rounding could decide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

TILE = 2048

# Below this share of the mean squared distance to the centre, the expansion keeps too few digits.
_NEAR = 1e-10
_ELEMENTS_AT_ONCE = 2**22


def squared_distances(a: Matrix, b: Matrix) -> Matrix:
    """Measure all squared Euclidean distances, shape (len(a), len(b)).

    Both sides are centred on the mean of ``b`` before the expansion ``a.a + b.b - 2 a.b``, which otherwise loses every
    digit on data far from the origin. Values are clamped at 0.
    """
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    out = a @ b.T
    out *= -2.0
    out += np.einsum("ij,ij->i", a, a)[:, None]
    out += np.einsum("ij,ij->i", b, b)[None, :]
    return np.maximum(out, 0.0, out=out)


def distance_tiles(a: Matrix, b: Matrix, tile: int = TILE) -> Iterator[tuple[int, int, Matrix]]:
    """Yield ``(first row, first column, squared distances)`` tiles that together cover all pairs."""
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    squares_a, squares_b = np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
    for i in range(0, len(a), tile):
        for j in range(0, len(b), tile):
            block = a[i : i + tile] @ b[j : j + tile].T
            block *= -2.0
            block += squares_a[i : i + tile, None]
            block += squares_b[None, j : j + tile]
            yield i, j, np.maximum(block, 0.0, out=block)


def pooled_distances(pool: Matrix) -> Matrix:
    """Measure all Euclidean distances within one set, shape (N, N).

    Symmetric, with an exact zero diagonal, exact zeros between equal rows, and the same bits in the rows of equal
    samples, so that ties in the data are ties in every statistic of the distances.
    """
    rows, inverse = _distinct(pool)
    # Brought to size 1 by a power of two, which costs no digit: squares then neither overflow nor vanish.
    exponent = int(np.frexp(np.abs(rows - rows.mean(axis=0)).max())[1])
    rows = np.ldexp(rows, -exponent)
    out = squared_distances(rows, rows)
    # Between close rows the expansion leaves only rounding, which a rank or a ball would take for a distance.
    scale = float(np.mean(np.square(rows - rows.mean(axis=0)).sum(axis=1)))
    suspects = np.argwhere(np.triu(out <= _NEAR * scale, 1))
    step = max(1, _ELEMENTS_AT_ONCE // pool.shape[1])
    for start in range(0, len(suspects), step):
        i, j = suspects[start : start + step].T
        exact = np.square(rows[i] - rows[j]).sum(axis=1)
        out[i, j] = exact
        out[j, i] = exact
    np.fill_diagonal(out, 0.0)
    out = np.minimum(out, out.T)
    return _spread(np.ldexp(np.sqrt(out, out=out), exponent), inverse)


def exact_distances(a: Matrix, b: Matrix) -> Matrix:
    """Measure all Euclidean distances by differences, shape (len(a), len(b)): exact zeros between equal rows.

    Slower than the expansion, O(n m d) without a matrix product; for blocks of a few hundred rows.
    """
    from scipy.spatial.distance import cdist

    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    exponent = int(np.frexp(largest)[1])  # a power of two costs no digit
    out: Matrix = cdist(np.ldexp(a, -exponent), np.ldexp(b, -exponent))
    return np.ldexp(out, exponent)


def pooled_l1_distances(pool: Matrix) -> Matrix:
    """Measure all sums of absolute differences within one set, shape (N, N): no expansion, hence no cancellation."""
    from scipy.spatial.distance import pdist, squareform

    rows, inverse = _distinct(pool)
    out: Matrix = np.zeros((1, 1)) if len(rows) == 1 else squareform(pdist(rows, "cityblock"), checks=False)
    return _spread(out, inverse)


def off_diagonal(square: Matrix) -> Matrix:
    """Take the entries above the diagonal of a symmetric matrix, shape (N (N - 1) / 2,)."""
    taken: Matrix = square[np.triu_indices(len(square), 1)]
    return taken


def positive_quantile(values: Matrix, level: float, step: float = 0.05) -> tuple[float, float]:
    """Find the first positive quantile at ``level`` or above, on a grid of ``step``.

    Parameters
    ----------
    values : ndarray, shape (k,)
        At least 0.
    level : float
        In [0, 1].
    step : float

    Returns
    -------
    value, level : float
        ``(0.0, 1.0)`` when no value is positive.

    Notes
    -----
    A bandwidth of 0 divides by 0; where more than half of the distances are 0 (discrete data, duplicates) the median
    is one. The next positive quantile is still a typical distance, unlike the smallest positive one.
    """
    levels = np.append(np.arange(level, 1.0, step), 1.0) if level < 1.0 else np.array([1.0])
    found = np.quantile(values, levels)
    positive = np.flatnonzero(found > 0.0)
    return (0.0, 1.0) if positive.size == 0 else (float(found[positive[0]]), float(levels[positive[0]]))


def _distinct(pool: Matrix) -> tuple[Matrix, NDArray[np.int64] | None]:
    rows, inverse = np.unique(pool, axis=0, return_inverse=True)
    return (pool, None) if len(rows) == len(pool) else (rows, inverse.reshape(-1))


def _spread(square: Matrix, inverse: NDArray[np.int64] | None) -> Matrix:
    return square if inverse is None else square[np.ix_(inverse, inverse)]
