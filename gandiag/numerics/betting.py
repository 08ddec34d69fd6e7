"""Bets against "same law": wealth that stays fair under equal laws whenever one looks.

Wealth starts at 1 and is multiplied, round by round, by a factor whose mean given the past is at most 1 under equal
laws. Then ``P(wealth ever reaches 1 / a) <= a`` (Ville 1939), so ``1 / max wealth`` is a p-value at every stopping
time, and an average of such wealths, or of any e-values, is one again (Vovk & Wang 2021, "E-values", section 3).
All wealth is kept as its logarithm: paths have one value per round.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Beyond this the exponential leaves the range of floats; a capped e-value is still one.
MOST_LOG = 690.0
# Step of the online Newton method for bets within [-1/2, 1/2] (Cutkosky & Orabona 2018, lemma 17).
_NEWTON = 2.0 / (2.0 - math.log(3.0))
_FARTHEST_BET = 0.5
# What is tried on the past: shares held back, and factors on the log odds (small: little trust).
_KEPT = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
_TRUST = np.geomspace(0.02, 4.0, 12)
# Wealth within rounding of 1 is 1.
_ROUNDING = 1e-12


def newton_bet(bet: Matrix, curvature: Matrix, payoff: Matrix) -> tuple[Matrix, Matrix]:
    """Choose the next bet by one online Newton step, from the payoff of the last.

    Parameters
    ----------
    bet, curvature, payoff : ndarray or float
        The last bet in [-1/2, 1/2] (start at 0), the sum of squared gradients (start at 1), the payoff in [-1, 1].

    Returns
    -------
    bet, curvature
        For the round that comes (Podkopaev & Ramdas 2023, "Sequential predictive two-sample and independence testing",
        algorithm 1).
    """
    gradient = -payoff / (1.0 + bet * payoff)
    curvature = curvature + np.square(gradient)
    return np.clip(bet - _NEWTON * gradient / curvature, -_FARTHEST_BET, _FARTHEST_BET), curvature


def betting_path(payoffs: Matrix) -> Matrix:
    """Bet on payoffs with mean 0 under equal laws, and return the logarithm of wealth after each round.

    Parameters
    ----------
    payoffs : ndarray, shape (T,) or (T, R)
        In [-1, 1]; R independent games. Each bet is chosen before its payoff is seen.

    Examples
    --------
    >>> float(betting_path(np.ones(3))[0])  # the first bet is 0: nothing is known yet
    0.0
    """
    bet, curvature = np.zeros(payoffs.shape[1:]), np.ones(payoffs.shape[1:])
    steps = np.empty(payoffs.shape)
    for turn, payoff in enumerate(payoffs):
        steps[turn] = np.log1p(bet * payoff)
        bet, curvature = newton_bet(bet, curvature, payoff)
    path: Matrix = np.cumsum(steps, axis=0)
    return path


def coin_bets(payoffs: Vector, gained: float = 0.0, staked: float = 0.0) -> Vector:
    """Choose each bet in (-1, 1) by the payoffs before it: their sum, over one plus the sum of their sizes.

    On payoffs of -1, 0 and 1 it is the bet of Krichevsky & Trofimov (1981, "The performance of universal encoding")
    on the rounds that are not 0: no step size, and rounds without a payoff cost nothing.

    Parameters
    ----------
    payoffs : ndarray, shape (T,)
        In [-1, 1].
    gained, staked : float
        Sum and sum of sizes of the payoffs before the first of these.

    Examples
    --------
    >>> coin_bets(np.array([1.0, 0.0, 1.0])).tolist()
    [0.0, 0.5, 0.5]
    """
    before = gained + np.cumsum(payoffs) - payoffs
    out: Vector = before / (1.0 + staked + np.cumsum(np.abs(payoffs)) - np.abs(payoffs))
    return out


def truth_factors(odds: Matrix, kept: Matrix | float, trust: Matrix | float) -> Matrix:
    """Give the logarithm of what a critic earns on each row: ``kept + (1 - kept) 2 g(truth)``.

    Parameters
    ----------
    odds : ndarray
        The critic's log odds of the true side of each row.
    kept : ndarray or float
        The share held back.
    trust : ndarray or float
        What the log odds are multiplied by before the logistic function g.
    """
    return hedged(math.log(2.0) - np.logaddexp(0.0, -trust * odds), kept)


def tuned(odds: Matrix) -> tuple[float, float]:
    """Find the share held back and the trust that would have earned most on pairs that are past.

    Parameters
    ----------
    odds : ndarray, shape (p, 2)
        Log odds of the true side of both rows of each pair.

    Returns
    -------
    kept, trust : float
        For `truth_factors`.
    """
    earned = truth_factors(odds, _KEPT[:, None, None, None], _TRUST[:, None, None]).sum(axis=(2, 3))
    # Ties go to the least trust; rounding must not decide.
    best = np.unravel_index(int(np.argmax(np.round(earned, 9))), (len(_KEPT), len(_TRUST)))
    return float(_KEPT[best[0]]), float(_TRUST[best[1]])


def log_likelihood_factors(probability_of_truth: Vector, prior: float = 0.5) -> Vector:
    """Give the logarithm of ``g(label | row) / prior`` of each row, whose mean is at most 1 for a label of that prior.

    Examples
    --------
    >>> right, wrong = np.full(30, 0.7), np.full(10, 0.3)
    >>> round(float(log_likelihood_factors(np.concatenate([right, wrong])).sum()), 6)
    4.985911
    """
    out: Vector = np.log(probability_of_truth) - math.log(prior)
    return out


def hedged(log_factors: Matrix, kept: Matrix | float) -> Matrix:
    """Keep a share of the wealth out of each bet: the logarithm of ``kept + (1 - kept) exp(log_factors)``."""
    # From the larger term, so that neither a huge nor a vanishing factor loses digits.
    out: Matrix = np.logaddexp(np.log(kept), np.log1p(-np.asarray(kept)) + log_factors)
    return out


def log_average(paths: Matrix, weights: Vector | None = None) -> Matrix:
    """Average wealth over the first axis, in logarithms: again fair, whatever the dependence.

    Parameters
    ----------
    paths : ndarray, shape (K, ...)
    weights : ndarray, shape (K,), optional
        Fixed beforehand; they sum to 1. Equal where absent.
    """
    largest = paths.max(axis=0)
    out: Matrix = largest + np.log(np.average(np.exp(paths - largest), axis=0, weights=weights))
    return out


def log_peak(path: Vector) -> float:
    """Give the largest logarithm of wealth up to the end, the start at 0 included."""
    peak = float(path.max(initial=0.0))
    return peak if peak > _ROUNDING else 0.0


def anytime_p(peak: float) -> float:
    """Turn the logarithm of the largest wealth into Ville's p-value ``1 / max wealth``, in (0, 1]."""
    return math.exp(-min(max(peak, 0.0), MOST_LOG))


def first_crossing(path: Vector, level: float) -> int | None:
    """Find the number of rounds after which wealth first reached ``1 / level``, or None."""
    there = np.flatnonzero(path >= -math.log(level))
    return int(there[0]) + 1 if len(there) else None
