"""Smallest effects that tests of counts see, from their exact or limiting laws.

Each function answers the planner's question for one kind of fault: at these sizes, this level and this power, how much
of it is the least that the test rejects?
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.contingency import MISSING_SHARE, count_tails

NOTHING = math.inf


def smallest_unshared(rows: int, others: int, *, tests: int = 1, level: float, power: float) -> float:
    """Find the smallest share of the rows of one side in a category that the other side lacks, which is noticed.

    A category with c rows of one side and none of the other has the exact p-value
    ``C(rows + others - c, others) / C(rows + others, others)``, times the number of tests by Bonferroni; a category of
    share s holds Binomial(rows, s) of them. A missing mode is such a category of the real rows.

    Parameters
    ----------
    rows, others : int
        Rows of the side that holds the category, and of the one that lacks it.
    tests : int
        Categories, each of which is tested.
    level, power : float

    Returns
    -------
    float
        In (0, 1), or infinity where no share is noticed.

    Examples
    --------
    >>> round(smallest_unshared(2500, 2500, tests=25, level=0.001, power=0.95), 4)
    0.0087
    """
    if min(rows, others, tests) < 1:
        return NOTHING
    enough = np.flatnonzero(_log_all_within(rows + others, others, np.arange(rows + 1)) <= math.log(level / tests))
    return _share_giving(int(enough[0]), rows, power) if len(enough) else NOTHING


def smallest_unshared_beside(leak: float, n: int, m: int, *, tests: int, level: float, power: float) -> float:
    """Find the smallest share of real rows that fake may lack unseen in a category where other rows end up too.

    Fake then holds Binomial(m, leak) rows of it and real Binomial(n, share + (1 - share) leak). The exact test must
    reject, and fake's rows beyond what leaks be fewer than a tenth of real's share, without which no category counts
    as missing.

    Parameters
    ----------
    leak : float
        Chance that a row of another category is put in this one, in [0, 1).
    n, m : int
        Real and fake rows.
    tests : int
        Categories, each of which is tested.
    level, power : float

    Returns
    -------
    float
        In (0, 1), or infinity where no share is noticed.

    Examples
    --------
    >>> round(smallest_unshared_beside(0.0, 2500, 2500, tests=25, level=0.001, power=0.95), 4)
    0.0087
    >>> round(smallest_unshared_beside(0.01, 2500, 2500, tests=25, level=0.001, power=0.95), 4)
    0.0256
    """
    if leak <= 0.0:
        return smallest_unshared(n, m, tests=tests, level=level, power=power)
    from scipy.special import bdtrc

    fake, odds = _likely(m, leak)
    few = np.floor((fake - leak * m) * n / (MISSING_SHARE * m)).astype(np.int64) + 1
    enough = np.maximum(_fewest_others(fake, n, m, level / tests), few)
    fewer = np.clip(enough, 1, n + 1) - 1.0
    return _least(lambda share: float(odds @ bdtrc(fewer, n, share + leak * (1.0 - share))), power)


def smallest_larger_share(rows: int, others: int, share: float, *, level: float, power: float) -> float:
    """Find by how much a category that holds ``share`` of one side must be larger on the other, to be noticed.

    By normal laws of both shares, whose spread grows with the larger one, and never less than what the exact law gives
    where the category is empty. What one sample happens to hold on the tested side does not enter: its few hits have
    a small spread, which says nothing of how many it takes to be noticed.

    Examples
    --------
    >>> round(smallest_larger_share(300, 100, 0.0, level=0.01, power=0.95), 3)
    0.076
    >>> round(smallest_larger_share(300, 100, 0.3, level=0.01, power=0.95), 3)
    0.223
    """
    from scipy.special import ndtri

    least = smallest_unshared(rows, others, level=level, power=power)
    if share <= 0.0 or not math.isfinite(least):
        return least
    reach, luck = -float(ndtri(level)), float(ndtri(power))

    def missing(more: float) -> float:
        larger = min(1.0, share + more)
        pooled = (rows * larger + others * share) / (rows + others)
        null = math.sqrt(pooled * (1.0 - pooled) * (1.0 / rows + 1.0 / others))
        spread = math.sqrt(larger * (1.0 - larger) / rows + share * (1.0 - share) / others)
        return more - reach * null - luck * spread

    room = 1.0 - share
    sizes = np.linspace(0.0, room, 2001)[1:]
    enough = [size for size in sizes.tolist() if missing(size) >= 0.0]
    return max(least, enough[0]) if enough else NOTHING


def smallest_repeated_share(n: int, m: int, *, level: float, power: float) -> float:
    """Find the smallest share of fake rows that repeat an earlier one, which a permutation test of repeats sees.

    Real rows do not repeat. c pairs that all lie in fake do so under a share ``C(n + m - 2 c, n) / C(n + m, n)`` of the
    relabellings; half of the level is left to the luck of drawing them.

    Examples
    --------
    >>> round(smallest_repeated_share(2500, 2500, level=0.001, power=0.95), 4)
    0.0042
    """
    if min(n, m) < 2:
        return NOTHING
    pairs = np.arange(m // 2 + 1)
    enough = np.flatnonzero(_log_all_within(n + m, n, 2 * pairs) <= math.log(level / 2.0))
    return _share_giving(int(enough[0]), m, power) if len(enough) else NOTHING


def smallest_more_repeats(
    n: int, m: int, real_pairs: float, *, null: tuple[float, float] = (0.0, 0.0), level: float, power: float
) -> float:
    """Find the same where real rows repeat as well.

    The test compares both sides, whose difference is wider than the share of one of them: K natural pairs in the pool
    give it a variance of ``K q^2 (2 - (q - p)^2)`` fake rows, with p and q the shares of real and fake rows,
    and the planted pairs add to it. K is what the real rows show; what the fake ones repeat is what is looked for, and
    does not enter. Never less than the exact law gives where nothing else repeats.

    Parameters
    ----------
    n, m : int
    real_pairs : float
        Pairs among the real rows.
    null : (float, float)
        Mean and standard deviation of the share of fake rows that repeat, under relabelling: repeats in larger groups
        widen the difference as they widen that share.
    level, power : float

    Examples
    --------
    >>> round(smallest_more_repeats(300, 300, 3, level=0.01 / 3, power=0.95), 3)
    0.063
    """
    from scipy.special import ndtri

    least = smallest_repeated_share(n, m, level=level, power=power)
    if real_pairs <= 0.0 or not math.isfinite(least):
        return least
    p, q = n / (n + m), m / (n + m)
    pairs, one = real_pairs / p**2, q**2 * (2.0 - (q - p) ** 2)
    share = null[0] * (1.0 - q**2) / m
    groups = max(1.0, null[1] ** 2 / share) if share > 0.0 else 1.0
    reach, luck = -float(ndtri(level)), float(ndtri(power))
    more = np.arange(1.0, m)
    room = more * (1.0 - q * (q - p)) - reach * np.sqrt(groups * (pairs + more) * one)
    enough = np.flatnonzero(room >= luck * np.sqrt(groups * pairs * one + more))
    return max(least, float(more[enough[0]]) / m) if len(enough) else NOTHING


def smallest_lost_share(k: int, n: int, m: int, *, leak: float = 0.0, level: float, power: float) -> float:
    """Find the smallest share of one of k modes whose loss Pearson's homogeneity test sees, the others growing evenly.

    The statistic is the sum of two parts: that of the lost mode against all others, which hangs on the numbers of real
    and fake rows in it alone, and that within the others, chi-square with k - 2 degrees of freedom. A noncentral
    chi-square law, as for small changes of shares, spreads wider: that fake holds no row of the mode, or those alone
    that leak into it, is hardly a matter of chance.

    Parameters
    ----------
    k : int
        Modes.
    n, m : int
        Real and fake rows.
    leak : float
        Chance that a row of another mode is put in the lost one, in [0, 1).
    level, power : float

    Examples
    --------
    >>> round(smallest_lost_share(25, 2500, 2500, level=0.001, power=0.95), 4)
    0.017
    >>> round(smallest_lost_share(25, 2500, 2500, leak=0.01, level=0.001, power=0.95), 4)
    0.0317
    """
    from scipy.special import gammaincc
    from scipy.stats import binom, chi2

    if min(n, m) < 1 or k < 2:
        return NOTHING
    real, (fake, odds) = np.arange(n + 1)[:, None], _likely(m, leak)
    there = np.maximum((real + fake) * (n + m - real - fake), 1)
    lost = (n + m) * (real * (m - fake) - fake * (n - real)).astype(np.float64) ** 2 / (there * float(n * m))
    short, others = float(chi2.isf(level, k - 1)) - lost, (k - 2) / 2.0
    rejects = np.where(short <= 0.0, 1.0, gammaincc(others, np.maximum(short, 0.0) / 2.0) if others > 0.0 else 0.0)
    rejects = rejects @ odds
    return _least(lambda share: float(binom.pmf(real[:, 0], n, share + leak * (1.0 - share)) @ rejects), power)


def smallest_advantage(n: int, m: int, *, level: float, power: float) -> float:
    """Find the smallest advantage of a critic at which its area under the ROC curve is seen to exceed one half.

    A concave curve through (false alarms, hits) has an area of at least one half plus half of the advantage, and under
    equal laws the area is about normal with variance ``(n + m + 1) / (12 n m)`` (Mann & Whitney 1947).

    Parameters
    ----------
    n, m : int
        Held-out rows of either side.
    level, power : float

    Examples
    --------
    >>> round(smallest_advantage(1250, 1250, level=0.001, power=0.95), 4)
    0.1094
    """
    from scipy.special import ndtri

    if min(n, m) < 1:
        return NOTHING
    sd = math.sqrt((n + m + 1.0) / (12.0 * n * m))
    found = 2.0 * sd * float(ndtri(1.0 - level) + ndtri(power))
    return found if found < 1.0 else NOTHING


def _log_all_within(total: int, others: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the log chance that some rows all lie on one side, when ``others`` rows are dealt to the other."""
    from scipy.special import gammaln

    left = total - rows
    kept = left >= others
    out = np.full(len(rows), -np.inf)
    out[kept] = gammaln(left[kept] + 1.0) - gammaln(left[kept] - others + 1.0)
    out[kept] -= float(gammaln(total + 1.0) - gammaln(total - others + 1.0))
    return out


def _likely(rows: int, share: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the counts that a category of that share may hold, all but one in a million, and their probabilities."""
    from scipy.stats import binom

    low, high = (int(binom.ppf(q, rows, share)) for q in (5e-7, 1.0 - 5e-7))
    counts = np.arange(low, high + 1)
    return counts, np.asarray(binom.pmf(counts, rows, share))


def _fewest_others(held: NDArray[np.int64], n: int, m: int, level: float) -> NDArray[np.int64]:
    """Find how many of n rows a category must hold, so that ``held`` of m, in rising order, are too few."""
    enough, row = np.full(len(held), n + 1), 0
    for k, count in enumerate(held):
        while row <= n and count_tails(np.array([count]), np.array([row]), m, n)[0][0] > level:
            row += 1
        enough[k] = row
    return enough


def _share_giving(count: int, rows: int, power: float) -> float:
    """Find the smallest share of which ``rows`` draws hold at least ``count`` with probability ``power``."""
    from scipy.special import bdtrc

    if count == 0:
        return 1.0 / max(rows, 1)
    return _least(lambda share: float(bdtrc(count - 1, rows, share)), power) if count <= rows else NOTHING


def _least(seen: Callable[[float], float], power: float) -> float:
    """Find where a power that grows with the share reaches what is wanted."""
    from scipy.optimize import brentq

    low, high = 1e-9, 1.0 - 1e-9
    if seen(high) < power:
        return NOTHING
    if seen(low) >= power:
        return low
    return float(brentq(lambda share: seen(share) - power, low, high, xtol=1e-9))
