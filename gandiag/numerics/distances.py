"""Euclidean distances in tiles, centred first, measured again by differences where rounding could decide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

TILE = 2048


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
    """Measure all distances within one set, shape (N, N): symmetric, with an exact zero diagonal and exact zeros for
    equal rows.
    """
    out = squared_distances(pool, pool)
    # Rounding leaves tiny distances between equal rows; a rank or a ball must see them as 0.
    scale = float(np.mean(np.square(pool - pool.mean(axis=0)).sum(axis=1)))
    suspects = np.argwhere(np.triu(out <= 1e-10 * max(scale, np.finfo(float).tiny), 1))
    for start in range(0, len(suspects), 65536):
        i, j = suspects[start : start + 65536].T
        exact = np.square(pool[i] - pool[j]).sum(axis=1)
        out[i, j] = exact
        out[j, i] = exact
    np.fill_diagonal(out, 0.0)
    out = np.minimum(out, out.T)
    return np.sqrt(out, out=out)
