"""Mixtures of isotropic normal laws with given centres: bandwidths by likelihood, and every choice of centres at once.

A normal law ten times as wide as the data stands behind every mixture with a weight of 0.01, so that no row has
likelihood 0 and a lone row does not widen the nearest component. All sums of exponentials are scaled by what is largest
among their own terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import squared_distances
from gandiag.numerics.nearest import nearest_rows

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

BACKGROUND = 0.01
_WIDER = 100.0
# What the first bandwidth counts for, in rows: a centre on a row would otherwise take its own to 0.
_PRIOR = 0.01
_LEAST = 1e-8
_ROUNDS = 30
_SETTLED = 1e-4
_VALUES_AT_ONCE = 2**18
_VALUES_KEPT = 2**22
_COLUMNS = 512
# Terms this much smaller than the largest, in nats, still have all their digits.
_DEPTH = 300.0
# Exponentials below this would be numbers without full precision, which are slow and change nothing.
_DEEPEST = 650.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Bandwidths:
    """Normal components of equal weight before a background.

    Attributes
    ----------
    centres : ndarray, shape (c, d)
    variances : ndarray, shape (c,)
        Per column.
    mean : ndarray, shape (d,)
    spread : float
        Centre and variance per column of the background.
    """

    centres: Matrix
    variances: Vector
    mean: Vector
    spread: float

    def logs(self, rows: Matrix) -> tuple[Matrix, Vector]:
        """Give the log density of every component at the rows, shape (n, c), and of the background, shape (n,)."""
        return _log_normal(squared_distances(rows, self.centres), self.variances, rows.shape[1]), self.background(rows)

    def background(self, rows: Matrix) -> Vector:
        """Give the log density of the background, shape (n,)."""
        found: Vector = _log_normal(np.square(rows - self.mean).sum(axis=1), np.array(self.spread), rows.shape[1])
        return found


def _log_normal(squares: Matrix, variances: Vector, d: int) -> Matrix:
    out: Matrix = -0.5 * (squares / variances + d * np.log(2.0 * math.pi * variances))
    return out


def fit_bandwidths(centres: Matrix, rows: Matrix) -> Bandwidths:
    """Fit one variance per centre to rows by maximum likelihood.

    Parameters
    ----------
    centres : ndarray, shape (c, d)
    rows : ndarray, shape (n, d)
        At least two. Their mean, spread and spacing make the background and the first bandwidth, so both depend on no
        centre.

    Returns
    -------
    Bandwidths

    Notes
    -----
    Expectation maximisation, which never lowers the likelihood (Dempster, Laird & Rubin 1977): the variance of a centre
    is the mean square per column of the rows that it answers for. The squared spacing of the rows counts as a hundredth
    of a row: a centre that answers for one row, on which it lies, ends at a tenth of the spacing and not at 0, one that
    answers for no row at the spacing. At most 30 rounds of O(n c) after O(n c d), or of O(n c d) where the distances
    are too many to be kept.
    """
    mean, d = rows.mean(axis=0), rows.shape[1]
    spread = float(np.square(rows - mean).mean()) or 1.0
    first = max(_squared_spacing(rows) / d, _LEAST * spread)
    found = Bandwidths(
        centres=centres, variances=np.full(len(centres), first), mean=mean, spread=max(_WIDER * spread, first)
    )
    tiles = list(_tiles(rows, centres)) if len(rows) * len(centres) <= _VALUES_KEPT else None
    before = -math.inf
    for _ in range(_ROUNDS):
        variances, likelihood = _round(found, rows, first, _tiles(rows, centres) if tiles is None else tiles)
        found = replace(found, variances=variances)
        if likelihood - before <= _SETTLED * d:
            break
        before = likelihood
    return found


def _squared_spacing(rows: Matrix) -> float:
    """Measure the median squared distance to the nearest other row that is not equal; 0 where all are."""
    distinct = np.unique(rows + 0.0, axis=0)  # + 0.0 turns -0.0 into 0.0
    if len(distinct) < 2:
        return 0.0
    return float(np.median(np.square(nearest_rows(distinct, distinct, own=np.arange(len(distinct)))[0])))


def _tiles(rows: Matrix, centres: Matrix) -> Iterator[tuple[slice, Matrix]]:
    step = max(1, _VALUES_AT_ONCE // len(centres))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        yield part, squared_distances(rows[part], centres)


def _round(now: Bandwidths, rows: Matrix, first: float, tiles: Iterable[tuple[slice, Matrix]]) -> tuple[Vector, float]:
    """Take one step of the variances, and compute the mean log likelihood before it."""
    c, d = now.centres.shape
    shares, squares, likelihood = np.zeros(c), np.zeros(c), 0.0
    behind = now.background(rows) + math.log(BACKGROUND)
    heights = math.log((1.0 - BACKGROUND) / c) - 0.5 * d * np.log(2.0 * math.pi * now.variances)
    for part, tile in tiles:
        answers = tile * (-0.5 / now.variances)
        answers += heights
        largest = np.maximum(answers.max(axis=1), behind[part])
        answers -= largest[:, None]
        np.exp(np.maximum(answers, -_DEEPEST, out=answers), out=answers)
        total = answers.sum(axis=1) + np.exp(behind[part] - largest)
        shares += (1.0 / total) @ answers
        answers *= tile
        squares += (1.0 / total) @ answers
        likelihood += float((np.log(total) + largest).sum())
    return (squares / d + _PRIOR * first) / (shares + _PRIOR), likelihood / len(rows)


def mean_log_likelihoods(logs: Matrix, background: Vector, chosen: Labels) -> Vector:
    """Average over the rows the log density of the mixture of some centres, one number per choice.

    Parameters
    ----------
    logs : ndarray, shape (n, c)
        Log density of every component at every row.
    background : ndarray, shape (n,)
    chosen : ndarray of bool, shape (c, B)
        The centres of each mixture, at least one.

    Returns
    -------
    ndarray, shape (B,)

    Notes
    -----
    One matrix product of O(n c B), and another for the rows of which no chosen component lies within 300 nats of the
    largest; in blocks of bounded memory.
    """
    out = np.empty(chosen.shape[1])
    for start in range(0, len(out), _COLUMNS):
        block = chosen[:, start : start + _COLUMNS].astype(np.float64)
        weights = block / block.sum(axis=0) * (1.0 - BACKGROUND)
        with np.errstate(divide="ignore"):
            out[start : start + _COLUMNS] = _log_sums(logs, background + math.log(BACKGROUND), weights).mean(axis=0)
    return out


def _log_sums(logs: Matrix, behind: Vector, weights: Matrix) -> Matrix:
    """Compute ``log(exp(logs) @ weights + exp(behind))``, each sum scaled by a term that it holds or by ``behind``."""
    out = np.empty((len(logs), weights.shape[1]))
    enough = math.exp(-_DEPTH) * float(weights[weights > 0.0].min())
    rows, scale = np.arange(len(logs)), np.maximum(logs.max(axis=1), behind)
    missing = np.ones(out.shape, dtype=bool)
    while len(rows):
        gaps = logs[rows] - scale[:, None]
        terms = np.exp(np.clip(gaps, -_DEEPEST, 0.0))
        terms[(gaps > 0.0) | (gaps < -_DEEPEST)] = 0.0  # what is larger was chosen by nobody
        sums = terms @ weights + np.exp(behind[rows] - scale)[:, None]
        settled = missing[rows] & ((sums >= enough) | (scale <= behind[rows])[:, None])
        found = np.log(sums) + scale[:, None]
        out[rows] = np.where(settled, found, out[rows])
        missing[rows] &= ~settled
        below = np.where(gaps < -_DEPTH, logs[rows], -np.inf).max(axis=1)
        left = missing[rows].any(axis=1)
        rows, scale = rows[left], np.maximum(below, behind[rows])[left]
    return out
