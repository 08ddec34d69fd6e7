"""Precision against recall as a curve: how much of fake lies in real's law, at every exchange rate against coverage.

For a slope l > 0, ``precision alpha(l) = sum min(l p, q)`` and ``recall beta(l) = alpha(l) / l``, with p the law of
real and q that of fake (Sajjadi, Bachem, Lucic, Bousquet & Gelly 2018, "Assessing generative models via precision and
recall", eq. 4). ``alpha(1) = beta(1) = 1 - TV``; the largest alpha is the fake mass on real's support and the largest
beta the real mass on fake's.

Without bins: ``sum min(l p, q)`` is the smallest ``l P(A) + Q(not A)`` over all sets A, taken where ``l p <= q``
(Simon, Webster & Rabin 2019, "Revisiting precision and recall definition for generative model evaluation", theorem 3).
A frozen critic's ratio in the place of p / q gives another set, so the mean over fresh rows is at least the curve: an
upper bound at every slope.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

ANGLES = 1001
_END = 1e-10


def slopes(angles: int = ANGLES) -> Vector:
    """Spread slopes over the quarter circle, from about 0 to about infinity: ``tan`` of equally spaced angles."""
    found: Vector = np.tan(np.linspace(_END, math.pi / 2.0 - _END, angles))
    return found


def trade_off(p: Matrix, q: Matrix, at: Vector) -> Matrix:
    """Compute the precision of discrete laws at each slope exactly.

    Parameters
    ----------
    p, q : ndarray, shape (k,) or (k, B)
        Real's and fake's probabilities, summing to 1 along the first axis.
    at : ndarray, shape (l,)
        Slopes.

    Returns
    -------
    ndarray, shape (l,) or (l, B)
        ``alpha``, rising with the slope, in [0, min(1, slope)]; the recall is ``alpha / slope``.

    Examples
    --------
    >>> import numpy as np
    >>> trade_off(np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.array([1.0, 2.0])).tolist()
    [0.5, 1.0]
    """
    wide = at.reshape(-1, *[1] * (p.ndim - 1))
    out = np.zeros((len(at), *p.shape[1:]))
    for one, other in zip(p, q, strict=True):
        out += np.minimum(wide * one, other)
    return out


def judged_trade_off(log_ratios: Vector, labels: Labels, at: Vector) -> Matrix:
    """Estimate the precision at each slope from a fixed critic's log ratios of fresh rows.

    Parameters
    ----------
    log_ratios : ndarray, shape (N,)
        A guess of ``log p / q`` at each row, made without it.
    labels : ndarray of bool, shape (N, B)
        True where a row is real.
    at : ndarray, shape (l,)
        Slopes, ascending.

    Returns
    -------
    ndarray, shape (l, B)
        ``l P(A) + Q(not A)`` with A the rows whose ratio is at most 1 / l. Not clipped: on average at least the curve,
        and linear in the labels of either side.
    """
    order = np.argsort(log_ratios, kind="stable")
    within = np.searchsorted(log_ratios[order], -np.log(at), side="right")  # rows of A at each slope
    real_below = np.concatenate([np.zeros((1, labels.shape[1]), dtype=np.int64), np.cumsum(labels[order], axis=0)])
    real = real_below[within]
    fake = within[:, None] - real
    n = real_below[-1]
    m = len(labels) - n
    found: Matrix = at[:, None] * (real / n) + (m - fake) / m
    return found


def clipped(alpha: Matrix, at: Vector) -> Matrix:
    """Bring precisions to their range, ``[0, min(1, slope)]``: precision and recall are then at most 1."""
    most = np.minimum(at, 1.0).reshape(-1, *[1] * (alpha.ndim - 1))
    found: Matrix = np.clip(alpha, 0.0, most)
    return found


def best_f(alpha: Matrix, at: Vector, weight: float) -> Vector:
    """Find the largest F score along the curve, ``(1 + w^2) alpha beta / (w^2 alpha + beta)``.

    Parameters
    ----------
    alpha : ndarray, shape (l,) or (l, B)
        Within its range.
    at : ndarray, shape (l,)
    weight : float
        How much more recall counts than precision: 8 and 1/8 in the paper.

    Notes
    -----
    With ``beta = alpha / l`` it is ``(1 + w^2) alpha / (w^2 l + 1)``, which is 0 where nothing overlaps.
    """
    scores = (1.0 + weight**2) * alpha / (weight**2 * at + 1.0).reshape(-1, *[1] * (alpha.ndim - 1))
    best: Vector = scores.max(axis=0)
    return best


def overlap_area(alpha: Matrix, at: Vector) -> Vector:
    """Average the smaller of precision and recall over all angles: ``mean alpha / max(1, slope)``.

    Linear in ``alpha``, so the mean of a curve that is not clipped is that of the expected curve.
    """
    shares = (1.0 / np.maximum(at, 1.0)) / len(at)
    area: Vector = np.tensordot(shares, alpha, axes=1)
    return area
