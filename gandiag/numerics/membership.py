"""Attacks that tell members from others by a score: thresholds chosen on one half, judged on the other.

"A sample set ensures privacy" is a claim about every attacker; what can be measured is one family of attackers, and
then only honestly when nothing about the attack is tuned on the rows that judge it. The largest gap of an ROC curve on
the rows that drew it is above 0 even where nobody can tell members apart.

Everything takes many labellings at once, so that a permutation test costs a few cumulative sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError
from gandiag.numerics.scoring import midranks

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Index = NDArray[np.int64]

# Share of the highest scores that the second rank statistic looks at.
TOP = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """One attack per labelling: counts on the rows that judge it (arrays of shape (B,)).

    Attributes
    ----------
    attack : ndarray of int
        Which row of the scores was chosen.
    threshold : ndarray
        Called a member from this score on; the largest double where nobody is.
    gain : ndarray
        Advantage on the choosing half, biased upwards; at least 0.
    hits, members, alarms, others : ndarray of int
        Members called members, all members, others called members, all others, on the judging half.
    """

    attack: Index
    threshold: Vector
    gain: Vector
    hits: Index
    members: Index
    alarms: Index
    others: Index

    @property
    def advantage(self) -> Vector:
        """``P(called | member) - P(called | other)`` on the judging half, in [-1, 1]."""
        found: Vector = self.hits / self.members - self.alarms / self.others
        return found


def judged_attacks(scores: Matrix, choosing: Labels, labels: Labels) -> Judged:
    """Choose the attack and its threshold on one half of the rows, and count on the other.

    Parameters
    ----------
    scores : ndarray, shape (a, N)
        One row per attack; higher speaks for a member.
    choosing : ndarray of bool, shape (N,)
        The rows that may be used for the choice.
    labels : ndarray of bool, shape (N, B)
        True where a row is called a member; both halves hold rows of both kinds in every column.

    Notes
    -----
    Equal scores are never split. Cost O(a N B).
    """
    if not (choosing.any() and (~choosing).any()):
        raise ConfigError(
            "both halves need rows", received=f"{int(choosing.sum())} of {len(choosing)}", remedy="Split in half."
        )
    found = [_one_attack(row, choosing, labels) for row in scores]
    best = np.argmax(np.stack([one.gain for one in found]), axis=0)

    def taken(name: str) -> Any:
        return np.take_along_axis(np.stack([getattr(one, name) for one in found]), best[None, :], axis=0)[0]

    names = ("threshold", "gain", "hits", "members", "alarms", "others")
    return Judged(attack=best, **{name: taken(name) for name in names})


def _one_attack(scores: Vector, choosing: Labels, labels: Labels) -> Judged:
    """Cut where the choosing half's ROC curve is farthest above the diagonal; nobody is called where it never is."""
    values, place = np.unique(-scores, return_inverse=True)
    place = place.reshape(-1)
    ends, total, members = _counts_from_above(place, choosing, labels)
    # In whole numbers, as a multiple of the gain: rounding must not decide between equal ones.
    others = total[-1] - members[-1]
    gains = members * others - (total[:, None] - members) * members[-1]
    best = gains.argmax(axis=0)
    columns = np.arange(labels.shape[1])
    gain = gains[best, columns]
    cut = np.where(gain > 0, ends[best], -1)

    judged_at, judged_total, judged_members = _counts_from_above(place, ~choosing, labels)
    at = np.searchsorted(judged_at, cut, side="right") - 1  # -1: nobody is called
    hits = np.where(at < 0, 0, judged_members[at, columns])
    called = np.where(at < 0, 0, judged_total[at])
    threshold = np.where(cut < 0, np.finfo(float).max, -values[cut])
    return Judged(
        attack=np.zeros(len(cut), dtype=np.int64),
        threshold=threshold,
        gain=np.maximum(gain, 0) / (members[-1] * others),
        hits=hits,
        members=judged_members[-1],
        alarms=called - hits,
        others=judged_total[-1] - judged_members[-1],
    )


def _counts_from_above(place: Index, chosen: Labels, labels: Labels) -> tuple[Index, Index, Index]:
    """Count rows and members from the highest score down to each distinct score of the chosen rows."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(place[rows], kind="stable")]
    sorted_place = place[rows]
    last = np.flatnonzero(np.append(sorted_place[1:] != sorted_place[:-1], True))
    members = np.cumsum(labels[rows], axis=0, dtype=np.int64)[last]
    return sorted_place[last], last + 1, members


def separations(scores: Matrix, labels: Labels) -> Vector:
    """Compute the largest of two standardised rank sums of each attack, one number per column of labels.

    The first is that of all ranks (the area under the ROC curve), for many rows that are given away a little; the
    second looks at the top ranks alone, for few rows that are given away entirely. Both are standardised by their
    exact permutation variance, so their maximum is a fair test statistic. 0 where all scores are equal.
    """
    n, total = labels.sum(axis=0), len(labels)
    weights = []
    for row in scores:
        ranks = midranks(row) / total
        weights += [ranks, np.maximum(ranks - (1.0 - TOP), 0.0)]
    centred = np.stack(weights)
    centred -= centred.mean(axis=1, keepdims=True)
    squares = np.square(centred).sum(axis=1)
    # Ranks of equal scores differ by rounding from their mean.
    flat = squares <= 1e-18 * total
    centred /= np.sqrt(np.where(flat, 1.0, squares))[:, None]
    centred[flat] = 0.0
    sums = centred @ labels.astype(np.float64)
    largest: Vector = (sums / np.sqrt(n * (total - n) / (total * (total - 1.0)))).max(axis=0)
    return largest


def threshold_for_alarms(scores: Vector, labels: Labels, rate: float) -> float:
    """Find the score above which at most a share ``rate`` of the others lies.

    Parameters
    ----------
    scores : ndarray, shape (N,)
    labels : ndarray of bool, shape (N,)
        True for members.
    rate : float
        In [0, 1).

    Returns
    -------
    float
        Rows *above* it are called members.
    """
    others = np.sort(scores[~labels])[::-1]
    return float(others[int(rate * len(others) + 1e-9)])


def area_interval(area: float, n: int, m: int, *, level: float = 0.95) -> tuple[float, float]:
    """Bound an area under the ROC curve by a score interval, which does not collapse at 0 or 1.

    The variance is Hanley & McNeil's at the bound itself, with the mean of both sizes (Newcombe 2006, "Confidence
    intervals for an effect size measure based on the Mann-Whitney statistic", method 5).

    Parameters
    ----------
    area : float
        In [0, 1].
    n, m : int
        Rows of either kind.
    level : float

    Examples
    --------
    >>> low, high = area_interval(1.0, 50, 50)
    >>> 0.9 < low < 1.0, high
    (True, 1.0)
    """
    from scipy.special import ndtri

    quantile = float(ndtri(0.5 + level / 2.0))
    size = (n + m) / 2.0

    def beyond(theta: float) -> bool:
        spread = (1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta)
        variance = theta * (1.0 - theta) * (1.0 + (size - 1.0) * spread) / (n * m)
        return abs(area - theta) > quantile * float(np.sqrt(max(variance, 0.0)))

    ends = []
    for end in (0.0, 1.0):
        out, inside = end, area
        for _ in range(60 if abs(area - end) > 0 else 0):
            middle = (out + inside) / 2.0
            out, inside = (middle, inside) if beyond(middle) else (out, middle)
        ends.append(inside)
    return ends[0], ends[1]
