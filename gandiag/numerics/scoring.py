"""What a score says about labels: ranks, areas under the ROC curve, advantages, mean log scores.

Every statistic is linear in the labels, so that all relabellings of a permutation test are one product.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]


def midranks(scores: Vector) -> Vector:
    """Rank scores from 1, equal scores sharing their mean rank, shape (t,)."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: Vector = (last - (count - 1) / 2.0)[place]
    return ranks


def areas_under_curve(ranks: Matrix, labels: Labels) -> Matrix:
    """Compute areas under the ROC curve from midranks by rank sums.

    Parameters
    ----------
    ranks : ndarray, shape (t,) or (s, t)
    labels : ndarray of bool, shape (t,) or (t, B)
        Every column holds as many True.

    Returns
    -------
    ndarray, shape () or (s,) or (B,) or (s, B)
        In [0, 1], 1/2 for a score that knows nothing.
    """
    n = int(labels.sum(axis=0).flat[0])
    m = len(labels) - n
    area: Matrix = (ranks @ labels.astype(np.float64) - n * (n + 1) / 2.0) / (n * m)
    return area


def advantages(says_real: Vector, labels: Labels) -> Vector:
    """Compute ``P(says real | real) - P(says real | fake)`` for each column of labels, shape (B,), in [-1, 1]."""
    n = labels.sum(axis=0)
    hits = says_real @ labels.astype(np.float64)
    advantage: Vector = hits / n - (says_real.sum() - hits) / (len(labels) - n)
    return advantage


def roc_curve(scores: Vector, labels: Labels) -> tuple[Vector, Vector]:
    """Trace the shares of fake and of real that lie above every threshold, equal scores as one step aslant.

    Parameters
    ----------
    scores : ndarray, shape (t,)
        Larger where a row looks real.
    labels : ndarray of bool, shape (t,)
        True where it is; both kinds occur.

    Returns
    -------
    alarms, hits : ndarray, shape (1 + distinct scores,)
        From 0 to 1 each. The area under them by trapezia is `areas_under_curve` of the midranks.
    """
    values, place = np.unique(-scores, return_inverse=True)
    counts = [np.bincount(place[side], minlength=len(values)).cumsum() for side in (~labels, labels)]
    alarms, hits = (np.concatenate([[0.0], count / count[-1]]) for count in counts)
    return alarms, hits


def guessing_band(real: int, fake: int, level: float) -> float:
    """Give the largest distance of a ROC curve from the diagonal that guessing explains, anywhere along it.

    Smirnov's law for the largest difference of two empirical distributions, in its limit: the whole curve of a score
    that knows nothing stays within with probability ``level``, and with a larger one where scores are equal (Smirnov
    1948, "Table for estimating the goodness of fit of empirical distributions").
    """
    return math.sqrt(-0.5 * math.log((1.0 - level) / 2.0) * (1.0 / real + 1.0 / fake))


def information(probabilities: Vector, labels: Labels) -> Vector:
    """Compute log 2 minus the cross-entropy at equal priors for each column of labels, nats, shape (B,).

    ``(mean over real of log 2D + mean over fake of log 2(1 - D)) / 2``: a lower bound on the Jensen-Shannon divergence
    in expectation, for every D (Nowozin, Cseke & Tomioka 2016, "f-GAN", section 2).
    """
    n = labels.sum(axis=0)
    on_real, on_fake = np.log(2.0 * probabilities), np.log(2.0 * (1.0 - probabilities))
    real_sum, fake_sum = np.stack([on_real, on_fake]) @ labels.astype(np.float64)
    gain: Vector = 0.5 * (real_sum / n + (on_fake.sum() - fake_sum) / (len(labels) - n))
    return gain
