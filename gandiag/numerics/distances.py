"""Distances in tiles, centred first, measured again by differences where rounding could decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace, on_host
from gandiag.numerics.lower_tiles import lower_tiles

Matrix = NDArray[np.float64]

TILE = 2048

# Below this share of the mean squared distance to the centre, the expansion keeps too few digits.
_NEAR = 1e-10
_UNSURE = 1e-6  # the same where nine digits are asked for
_MANY_UNSURE = 0.01  # share of a tile beyond which all of it is measured by differences
_ELEMENTS_AT_ONCE = 2**22
_POOLED_TILE = 512


def squared_distances(a: Array, b: Array) -> Array:
    """Measure all squared Euclidean distances, shape (len(a), len(b)).

    Both sides are centred on the mean of ``b`` before the expansion ``a.a + b.b - 2 a.b``, which otherwise loses every
    digit on data far from the origin. Values are clamped at 0. NumPy arrays or tensors.
    """
    return distances_to(b)(a)


def distances_to(b: Array) -> Callable[[Array], Array]:
    """Prepare `squared_distances` to the rows of ``b``, for asking tile by tile: centring them anew costs as much."""
    xp = namespace(b)
    centre = xp.mean(b, axis=0)
    b = b - centre
    squares_b = xp.sum(b * b, axis=1)

    def measure(a: Array) -> Array:
        a = a - centre
        return _expanded(a, b, xp.sum(a * a, axis=1), squares_b)

    return measure


def distance_tiles(a: Array, b: Array, tile: int = TILE) -> Iterator[tuple[int, int, Array]]:
    """Yield ``(first row, first column, squared distances)`` tiles that together cover all pairs."""
    xp = namespace(a, b)
    centre = xp.mean(b, axis=0)
    a, b = a - centre, b - centre
    squares_a, squares_b = xp.sum(a * a, axis=1), xp.sum(b * b, axis=1)
    for i in range(0, a.shape[0], tile):
        for j in range(0, b.shape[0], tile):
            rows, columns = slice(i, min(i + tile, a.shape[0])), slice(j, min(j + tile, b.shape[0]))
            yield i, j, _expanded(a[rows, :], b[columns, :], squares_a[rows], squares_b[columns])


def _expanded(a: Array, b: Array, squares_a: Array, squares_b: Array) -> Array:
    xp = namespace(a)
    out = a @ b.T
    out *= -2.0
    out += squares_a[:, None]
    out += squares_b[None, :]
    return xp.clip(out, 0.0, None)


def pooled_distances(pool: Array) -> Array:
    """Measure all Euclidean distances within one set, shape (N, N).

    Symmetric, with an exact zero diagonal, exact zeros between equal rows, and the same bits in the rows of equal
    samples, so that ties in the data are ties in every statistic of the distances. NumPy arrays or tensors.
    """
    xp = namespace(pool)
    rows, inverse = _distinct(pool)
    rows = rows - xp.mean(rows, axis=0)
    # Brought to size 1 by a power of two, which costs no digit: squares then neither overflow nor vanish.
    exponent = _exponent(rows)
    rows = _scaled(rows, -exponent)
    squares = xp.sum(rows * rows, axis=1)
    # Between close rows the expansion leaves only rounding, which a rank or a ball would take for a distance.
    near = _NEAR * float(xp.mean(squares))
    out = _square_like(rows)
    for i, j in lower_tiles(rows.shape[0], _POOLED_TILE):
        block = _expanded(rows[i, :], rows[j, :], squares[i], squares[j])
        block = _measured_again(block, rows[i, :], rows[j, :], near, diagonal=i == j)
        block = _scaled(xp.sqrt(block), exponent)
        out[i, j] = block
        if i != j:
            out[j, i] = block.T
    return _spread(out, inverse)


def _square_like(rows: Array) -> Array:
    from array_api_compat import device

    return namespace(rows).zeros((rows.shape[0], rows.shape[0]), dtype=rows.dtype, device=device(rows))


def _measured_again(block: Array, a: Array, b: Array, near: float, *, diagonal: bool) -> Array:
    """Replace squared distances that are mostly rounding by sums of squared differences; mirror a diagonal tile."""
    xp = namespace(block)
    few = block <= near
    suspects = int(xp.count_nonzero(few)) - (block.shape[0] if diagonal else 0)
    if not diagonal and suspects == 0:
        return block
    on_the_host = np.array(on_host(block))
    if diagonal:
        np.fill_diagonal(on_the_host, 0.0)
        on_the_host = np.tril(on_the_host, -1)
    if suspects > 0:
        found = np.tril(on_host(few), -1) if diagonal else on_host(few)
        _by_differences(on_the_host, np.argwhere(found), on_host(a), on_host(b))
    return beside(on_the_host + on_the_host.T if diagonal else on_the_host, block)


def _by_differences(block: Matrix, pairs: NDArray[np.int64], a: Matrix, b: Matrix) -> None:
    step = max(1, _ELEMENTS_AT_ONCE // a.shape[1])
    for start in range(0, len(pairs), step):
        i, j = pairs[start : start + step].T
        block[i, j] = np.square(a[i] - b[j]).sum(axis=1)


def _exponent(rows: Array) -> int:
    return int(np.frexp(float(namespace(rows).max(namespace(rows).abs(rows))))[1])


def _scaled(values: Array, exponent: int) -> Array:
    """Multiply by ``2^exponent`` in two steps, each of which is a normal float."""
    half = exponent // 2
    values = values * 2.0**half
    values *= 2.0 ** (exponent - half)
    return values


def exact_distances(a: Matrix, b: Matrix) -> Matrix:
    """Measure all Euclidean distances by differences, shape (len(a), len(b)): exact zeros between equal rows.

    Slower than the expansion, O(n m d) without a matrix product; for blocks of a few hundred rows.
    """
    from scipy.spatial.distance import cdist

    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    exponent = int(np.frexp(largest)[1])  # a power of two costs no digit
    out: Matrix = cdist(np.ldexp(a, -exponent), np.ldexp(b, -exponent))
    return np.ldexp(out, exponent)


def crossed_distances(a: Matrix, b: Matrix) -> Matrix:
    """Measure all Euclidean distances by a matrix product, shape (len(a), len(b)), for many columns.

    Right to 1e-9 of themselves, and to 1e-15 of the largest: what the expansion leaves uncertain is measured again by
    differences. Exact zeros between equal rows. NumPy arrays.
    """
    centre = (a.mean(axis=0) + b.mean(axis=0)) / 2.0
    a, b = a - centre, b - centre
    exponent = max(_exponent(a), _exponent(b))
    a, b = _scaled(a, -exponent), _scaled(b, -exponent)
    squares = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    near = _UNSURE * float(squares[0].mean() + squares[1].mean())
    out: Matrix = np.empty((len(a), len(b)))
    for i in range(0, len(a), _POOLED_TILE):
        rows = slice(i, i + _POOLED_TILE)
        for j in range(0, len(b), _POOLED_TILE):
            columns = slice(j, j + _POOLED_TILE)
            block = _expanded(a[rows], b[columns], squares[0][rows], squares[1][columns])
            unsure = np.argwhere(block <= near)
            if len(unsure) > _MANY_UNSURE * block.size:
                out[rows, columns] = exact_distances(a[rows], b[columns])
                continue
            _by_differences(block, unsure, a[rows], b[columns])
            np.sqrt(block, out=out[rows, columns])
    found: Matrix = _scaled(out, exponent)
    return found


def pooled_l1_distances(pool: Array) -> Array:
    """Measure all sums of absolute differences within one set, shape (N, N): no expansion, hence no cancellation."""
    if not isinstance(pool, np.ndarray):
        return _l1_by_columns(pool)
    from scipy.spatial.distance import pdist, squareform

    rows, inverse = _distinct(pool)
    out: Matrix = np.zeros((1, 1)) if len(rows) == 1 else squareform(pdist(rows, "cityblock"), checks=False)
    return _spread(out, inverse)


def _l1_by_columns(pool: Array) -> Array:
    """Add up one column after the other: memory O(N^2), and symmetric to the bit."""
    xp = namespace(pool)
    out = _square_like(pool)
    for k in range(pool.shape[1]):
        column = pool[:, k]
        out += xp.abs(column[:, None] - column[None, :])
    return out


def off_diagonal(square: Array) -> Array:
    """Take the entries above the diagonal of a symmetric matrix, shape (N (N - 1) / 2,), row by row."""
    xp = namespace(square)
    rows = square.shape[0]
    return xp.concat([square[i, i + 1 :] for i in range(rows)])


def positive_quantile(values: Array, level: float, step: float = 0.05) -> tuple[float, float]:
    """Find the first positive quantile at ``level`` or above, on a grid of ``step``.

    Parameters
    ----------
    values : array, shape (k,)
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
    return positive_quantiles(values, [level], step)[0]


def positive_quantiles(values: Array, levels: Sequence[float], step: float = 0.05) -> list[tuple[float, float]]:
    """Find several positive quantiles like `positive_quantile`, in one pass where all are positive."""
    first = _quantiles(values, levels)
    found = [(float(value), level) for value, level in zip(first, levels, strict=True)]
    return [pair if pair[0] > 0.0 else _next_positive(values, pair[1], step) for pair in found]


def _next_positive(values: Array, level: float, step: float) -> tuple[float, float]:
    levels = np.append(np.arange(level, 1.0, step), 1.0) if level < 1.0 else np.array([1.0])
    found = _quantiles(values, levels)
    positive = np.flatnonzero(found > 0.0)
    return (0.0, 1.0) if positive.size == 0 else (float(found[positive[0]]), float(levels[positive[0]]))


def _quantiles(values: Array, levels: Sequence[float] | Matrix) -> Matrix:
    """Take quantiles as NumPy does; a tensor is sorted where it lies."""
    if isinstance(values, np.ndarray):
        taken: Matrix = np.quantile(values, np.asarray(levels))
        return taken
    ordered = namespace(values).sort(values)
    at = np.asarray(levels) * (values.shape[0] - 1)
    below = np.floor(at).astype(int)
    pairs = [(float(ordered[int(k)]), float(ordered[min(int(k) + 1, values.shape[0] - 1)])) for k in below]
    out: Matrix = np.array([low + (high - low) * share for (low, high), share in zip(pairs, at - below, strict=True)])
    return out


def _distinct(pool: Array) -> tuple[Array, NDArray[np.int64] | None]:
    rows, inverse = np.unique(on_host(pool), axis=0, return_inverse=True)
    return (pool, None) if len(rows) == pool.shape[0] else (beside(rows, pool), inverse.reshape(-1))


def _spread(square: Array, inverse: NDArray[np.int64] | None) -> Array:
    if inverse is None:
        return square
    xp, index = namespace(square), beside(inverse, square)
    return xp.take(xp.take(square, index, axis=0), index, axis=1)
