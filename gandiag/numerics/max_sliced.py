"""The direction along which two samples differ most: alternating matching and power steps from several starts.

Along a fixed direction the optimal matching pairs sorted values. With the matching fixed, ``W_p^p`` is the mean of
``|<theta, x_i - y_i>|^p`` over the matched pairs, whose gradient gives the next direction: for p = 2 a power step on
the second moment of the matched differences (Deshpande et al. 2019, "Max-sliced Wasserstein distance and its use for
GANs", problem 8; the sup is not concave, hence the starts). The best of many random directions is no substitute: in 64
dimensions it finds less than half of the maximum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace, on_host
from gandiag.numerics.slices import Levels, orthonormal_directions, sliced_powers

Matrix = NDArray[np.float64]

_TRIED = 64
_SCREENED_ROWS = 2000
# Rounds with all starts, and rounds with the few that lead by then.
_ROUNDS, _FINAL_ROUNDS, _KEPT = 6, 24, 2
_SETTLED = 1e-6
_MOST_COLUMNS_FOR_EIGENVECTORS = 1024


def sharpest_direction(
    real: Array, fake: Array, starts: Matrix, *, p: float = 1.0, rounds: int = _ROUNDS, final: int = _FINAL_ROUNDS
) -> tuple[Matrix, float]:
    """Climb from every start to a direction along which the projected distance is large.

    Parameters
    ----------
    real : array, shape (n, d)
    fake : array, shape (m, d)
    starts : ndarray, shape (S, d)
        Unit vectors.
    p : float
        At least 1.
    rounds, final : int
        Steps with all starts, then with the two that lead.

    Returns
    -------
    direction : ndarray, shape (d,)
        The best that was met, starts included: the value is never below that of a start. Its largest weight is
        positive.
    power : float
        ``W_p^p`` along it.

    Notes
    -----
    A step costs O(S (n + m) (d + log(n + m))).
    """
    levels = Levels.of(len(real), len(fake))
    thetas, best, values = starts, starts.copy(), np.full(len(starts), -1.0)
    for step in range(rounds + final + 1):
        found, steepest = _climb(real, fake, thetas, levels, p)
        settled = bool((found <= values * (1.0 + _SETTLED)).all())
        better = found > values
        best[better], values[better] = thetas[better], found[better]
        if settled and step > 0:
            break
        thetas = steepest
        if step == rounds:
            lead = np.argsort(-values, kind="stable")[:_KEPT]
            thetas, best, values = thetas[lead], best[lead], values[lead]
    first = int(np.argmax(values))
    return _facing(best[first]), float(values[first])


def _facing(direction: Matrix) -> Matrix:
    """Choose of a direction and its opposite, which say the same, the one whose largest weight is positive."""
    facing: Matrix = direction * (1.0 if direction[np.argmax(np.abs(direction))] >= 0 else -1.0)
    return facing


def _climb(real: Array, fake: Array, thetas: Matrix, levels: Levels, p: float) -> tuple[Matrix, Matrix]:
    """Compute ``W_p^p`` along each direction, shape (S,), and the unit gradient there, shape (S, d)."""
    xp = namespace(real)
    near = beside(thetas, real)
    sides, orders = [], []
    for rows, at in ((real, levels.first), (fake, levels.second)):
        projected = near @ rows.T
        order = xp.argsort(projected, axis=1)
        orders.append(order)
        sides.append(xp.take(_gathered(projected, order), beside(at, real), axis=1))
    apart = sides[0] - sides[1]
    size = xp.abs(apart)
    widths = beside(levels.widths, real)
    values = (size if p == 1.0 else size**p) @ widths
    pull = (xp.sign(apart) if p == 1.0 else xp.sign(apart) * size ** (p - 1.0)) * widths
    gradient = 0.0
    for rows, order, at, sign in ((real, orders[0], levels.first, 1.0), (fake, orders[1], levels.second, -1.0)):
        gradient = gradient + sign * (_scattered(_sums_by_run(pull, at), order) @ rows)
    return on_host(values), _unit_or(on_host(gradient), thetas)


def _sums_by_run(values: Array, run: NDArray[np.int64]) -> Array:
    """Sum columns by the run that they belong to, runs being 0, 1, ... in order."""
    if len(run) == int(run[-1]) + 1:
        return values
    xp = namespace(values)
    ends = np.flatnonzero(np.diff(run, append=run[-1] + 1))
    sums = xp.take(xp.cumulative_sum(values, axis=1), beside(ends, values), axis=1)
    return xp.concat([sums[:, :1], sums[:, 1:] - sums[:, :-1]], axis=1)


def _gathered(values: Array, order: Array) -> Array:
    if isinstance(values, np.ndarray):
        return np.take_along_axis(values, order, axis=1)
    return values.gather(1, order)


def _scattered(values: Array, order: Array) -> Array:
    """Undo a sort: put the value at each rank back to the row of that rank."""
    out = namespace(values).zeros_like(values)
    if isinstance(out, np.ndarray):
        np.put_along_axis(out, order, values, axis=1)
        return out
    return out.scatter(1, order, values)


def _unit_or(vectors: Matrix, fallback: Matrix) -> Matrix:
    """Scale rows to length 1; a row without a direction keeps the one it had."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    there = largest > 0.0
    scaled = vectors / np.where(there, largest, 1.0)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    out: Matrix = np.where(there, scaled / np.where(there, length, 1.0), fallback)
    return out


def promising_directions(real: Array, fake: Array, rng: np.random.Generator, *, count: int, p: float) -> Matrix:
    """Find unit vectors to climb from, shape (at most count + 3, d).

    The difference of the means, the axes along which the covariances differ most either way, and the best of the
    columns and of 64 random directions.
    """
    d = int(real.shape[1])
    if d == 1:
        return np.ones((1, 1))
    tried = orthonormal_directions(d, _TRIED, rng)
    if d <= _TRIED:
        tried = np.concatenate([np.eye(d), tried])
    powers = sliced_powers(real[:_SCREENED_ROWS], fake[:_SCREENED_ROWS], tried, p)
    tried = tried[np.argsort(-powers, kind="stable")[:count]]
    xp = namespace(real)
    means = xp.mean(real, axis=0), xp.mean(fake, axis=0)
    moved = on_host(means[0] - means[1])[None, :]
    found = [_unit_or(moved, tried[:1])]
    if d <= _MOST_COLUMNS_FOR_EIGENVECTORS:
        first, second = (
            on_host((rows - mean).T @ (rows - mean)) / len(rows) for rows, mean in zip((real, fake), means, strict=True)
        )
        vectors = np.linalg.eigh(first - second)[1]
        found.append(vectors.T[[0, -1]])
    return np.concatenate([*found, tried])
