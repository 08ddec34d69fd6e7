"""The Fréchet distance at infinitely many rows, by its fall with the sample size.

The distance of n against m rows is biased upwards by about ``C1 / n + C2 / m`` with constants that depend on both laws
(Chong & Forsyth 2020, "Effectively unbiased FID and inception score", section 3). Shares 1/k of both samples have k
times that bias, so distances of shares lie on a line in k whose value at k = 0 is the limit. The shares of one size
are disjoint and every size has its own split, for nested subsets would lean on the same rows at every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace
from gandiag.numerics.frechet_distance import frechet_from_moments
from gandiag.numerics.moments import Moments, typical_row

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]

SIZES = (1, 2, 3, 4)
LEVEL = 0.95
GROUPS = 12  # a multiple of every size; one is left out at a time
_FEWEST_PER_COLUMN = 2  # below, the bias of a share does not follow 1/n
_FEWEST_ROWS = 2 * GROUPS
# Floating-point operations: a second or two for the interval, twenty or so for the line.
_MOST_FOR_INTERVAL = 5e10
_MOST_FOR_LINE = 4e12


@dataclass(frozen=True, kw_only=True, eq=False)
class Limit:
    """The distance at infinitely many rows.

    Attributes
    ----------
    value : float
        The line's value at no bias; it may be below 0 where the laws are close.
    low, high : float or None
        Jackknife interval, None where it would take too long.
    line : ndarray, shape (k, 3)
        For each size: the bias in units of that at full size, the mean distance, and the line there.
    """

    value: float
    low: float | None
    high: float | None
    line: Matrix


def frechet_limit(real: Array, fake: Array, *, full: float, rng: np.random.Generator) -> Limit | None:
    """Extrapolate the distance to infinitely many rows.

    Parameters
    ----------
    real : ndarray or tensor, shape (n, d)
    fake : ndarray or tensor, shape (m, d)
    full : float
        The distance at full size.
    rng : numpy.random.Generator
        Splits the rows.

    Returns
    -------
    Limit or None
        None where halves have fewer than two rows per column.

    Notes
    -----
    Weighted least squares: the mean of k disjoint distances at 1/k of the rows has about k times the variance of the
    distance at full size, where the bias matters. The interval is a delete-a-group jackknife with 12 groups of rows on
    both sides, with Student's law on 11 degrees of freedom; it holds away from equal laws, where the distance is close
    to a mean, and is wide at them. Cost O((n + m) d^2 + 58 d^3) with it, else O(4 (n + m) d^2 + 10 d^3).
    """
    d = int(real.shape[1])
    fewest = min(len(real), len(fake))
    sizes = [k for k in SIZES if fewest // k >= _FEWEST_PER_COLUMN * d and fewest >= _FEWEST_ROWS]
    if len(sizes) < 2:
        return None
    if 60.0 * 30.0 * d**3 <= _MOST_FOR_INTERVAL:
        return _with_interval(real, fake, sizes, full, rng)
    points = [(1.0, full)]
    spent = 0.0
    for k in sizes[1:]:
        spent += (len(real) + len(fake)) * d**2 + k * 30.0 * d**3
        if spent <= _MOST_FOR_LINE:
            points.append(_at_size(real, fake, k, rng))
    return _limit(points, sizes, None) if len(points) > 1 else None


def fitted(points: Sequence[tuple[float, float]], sizes: Sequence[int]) -> tuple[float, float]:
    """Fit the line through (bias, distance) with weights 1/k: its value at bias 0, and its slope."""
    x, y = np.array(points).T
    weights = 1.0 / np.array(sizes[: len(x)])
    weights = weights / weights.sum()
    middle, height = weights @ x, weights @ y
    slope = float((weights * (x - middle)) @ (y - height) / (weights @ np.square(x - middle)))
    return float(height - slope * middle), slope


def _limit(points: Sequence[tuple[float, float]], sizes: Sequence[int], reach: float | None) -> Limit:
    value, slope = fitted(points, sizes)
    line = np.array([(x, y, value + slope * x) for x, y in points])
    low, high = (None, None) if reach is None else (value - reach, value + reach)
    return Limit(value=value, low=low, high=high, line=line)


def _at_size(real: Array, fake: Array, k: int, rng: np.random.Generator) -> tuple[float, float]:
    """Average the distances of k disjoint shares."""
    xp = namespace(real)
    parts = [np.array_split(rng.permutation(len(side)), k) for side in (real, fake)]
    found, biases = [], []
    for rows, others in zip(*parts, strict=True):
        states = [Moments.of(xp.take(s, beside(i, s), axis=0)) for s, i in ((real, rows), (fake, others))]
        found.append(frechet_from_moments(*states))
        biases.append(_bias(len(rows), len(others), len(real), len(fake)))
    return float(np.mean(biases)), float(np.mean(found))


def _bias(n: int, m: int, all_n: int, all_m: int) -> float:
    """Compute the bias of n against m rows in units of that of all rows."""
    return (1.0 / n + 1.0 / m) / (1.0 / all_n + 1.0 / all_m)


def _with_interval(real: Array, fake: Array, sizes: Sequence[int], full: float, rng: np.random.Generator) -> Limit:
    """Take the moments of groups once: every share, with or without a group, is a merger of some."""
    sides = [_grouped(side, typical_row(real, fake), rng) for side in (real, fake)]
    shares = {k: np.array_split(rng.permutation(GROUPS), k) for k in sizes}
    whole = {k: [_of_groups(sides, share, len(real), len(fake)) for share in shares[k]] for k in sizes[1:]}
    whole[1] = [(1.0, full)]
    without = [_without(sides, shares, whole, group, len(real), len(fake)) for group in range(GROUPS)]
    values = np.array([fitted(points, sizes)[0] for points in without])
    error = float(np.sqrt((GROUPS - 1) * np.mean(np.square(values - values.mean()))))
    return _limit([_mean(whole[k]) for k in sizes], sizes, _student(LEVEL, GROUPS - 1) * error)


def _without(
    sides: list[list[Moments]],
    shares: dict[int, list[Index]],
    whole: dict[int, list[tuple[float, float]]],
    group: int,
    n: int,
    m: int,
) -> list[tuple[float, float]]:
    """Find the points of the line without one group: only the shares that hold it change."""
    points = []
    for k, split in shares.items():
        found = [
            _of_groups(sides, share[share != group], n, m) if group in share else whole[k][i]
            for i, share in enumerate(split)
        ]
        points.append(_mean(found))
    return points


def _grouped(rows: Array, origin: Array, rng: np.random.Generator) -> list[Moments]:
    xp = namespace(rows)
    groups = np.array_split(rng.permutation(len(rows)), GROUPS)
    return [Moments.of(xp.take(rows, beside(group, rows), axis=0), origin=origin) for group in groups]


def _of_groups(sides: list[list[Moments]], share: Index, n: int, m: int) -> tuple[float, float]:
    first, second = (reduce(Moments.merge, [groups[i] for i in share]) for groups in sides)
    return _bias(first.count, second.count, n, m), frechet_from_moments(first, second)


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    x, y = np.mean(points, axis=0)
    return float(x), float(y)


def _student(level: float, freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1.0 + level) / 2.0))
