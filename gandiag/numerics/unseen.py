"""What a sample says about what it does not show: mass and values unseen, and the support behind its repeats.

Intervals for the estimates of `gandiag.numerics.counts`, and statements on the support that hold for every law: an
upper bound by batches (Arora, Risteski & Zhang 2018, "Do GANs learn the distribution? Some theory and empirics", in
exact form), and what the absence of repeats excludes.

The inequality ``P(no repeat in M draws) <= exp(-(M^2 - M) rho / (2 N))`` for a set of N values of mass rho is often
quoted and is wrong for few draws: rho = 1/2, N = 1, M = 2 have no repeat with probability 3/4, not 0.607. The exact
sum takes its place here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.binomial import clopper_pearson
from gandiag.numerics.close_pairs import small_distance
from gandiag.numerics.counts import chao1, collision_moment, collision_variance, missing_mass, support_by_batches

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Ids = NDArray[np.int64]
Counts = NDArray[np.int64]

BATCHES = 20


def support_estimate(pairs: Vector, draws: int) -> Vector:
    """Estimate the effective support ``1/c2`` from the number of equal pairs: ``(C(m, 2) + 1) / (pairs + 1)``.

    The added ones keep it finite without a repeat, and nearly unbiased once a few repeats are expected, as Chapman's
    do in capture and recapture. Without any repeat it says no more than that the support is large.

    Examples
    --------
    >>> support_estimate(np.array([0.0, 4.0]), 5)
    array([11. ,  2.2])
    """
    out: Vector = (math.comb(draws, 2) + 1.0) / (pairs + 1.0)
    return out


def support_lognormal_interval(counts: Counts, level: float = 0.95) -> tuple[float, float] | None:
    """Bracket the effective support by the log-normal interval of the plug-in ``1/c2``.

    From the exact variance of the collision count with the estimated second and third moments. Approximate, and too
    narrow with few repeats: `support_lower_bound` and `support_upper_bound` hold for every law.

    Returns
    -------
    (low, high) or None
        None without a repeat, or with fewer than three draws.
    """
    m = int(counts.sum())
    if m < 3:
        return None
    c2, c3 = collision_moment(counts), collision_moment(counts, 3)
    if c2 <= 0:
        return None
    # Estimated moments may break c3 >= c2^2, which every law keeps.
    spread = math.sqrt(collision_variance(c2, max(c3, c2**2), m)) / c2
    reach = math.exp(_normal_quantile(level) * spread)
    return max(1.0, 1.0 / (c2 * reach)), max(1.0, reach / c2)


def support_upper_by_batches(ids: Ids, level: float = 0.95, batches: int = BATCHES) -> float | None:
    """Bound the effective support from above by the share of batches with a repeat.

    The draws are cut in equal batches of M; with g the lower Clopper-Pearson bound of the rate of batches that repeat
    a value, ``N2 <= C(M, 2)/g`` by the union bound. It uses one bit per batch: `support_upper_bound` counts more.

    Parameters
    ----------
    ids : ndarray of int, shape (m,)
        Value of each draw, in random order.
    level : float
    batches : int
        Fixed before the draws are seen.

    Returns
    -------
    float or None
        None where no batch has a repeat, or a batch has fewer than two draws.
    """
    size = len(ids) // batches
    if size < 2:
        return None
    ordered = np.sort(ids[: size * batches].reshape(batches, size), axis=1)
    repeated = int((ordered[:, 1:] == ordered[:, :-1]).any(axis=1).sum())
    if not repeated:
        return None
    rate, _ = clopper_pearson(repeated, batches, level=level, sided="lower")
    return max(1.0, support_by_batches(size, rate))


def no_repeat_bound(mass: float, values: int, draws: int) -> float:
    """Bound the probability of no repeat when some set of ``values`` values has probability ``mass``.

    ``sum_k Bin(k; draws, mass) prod_{i<k} (1 - i/values)``: of the k draws in the set, uniform ones repeat least.

    Examples
    --------
    >>> no_repeat_bound(0.5, 1, 2)
    0.75
    """
    from scipy.special import gammaln, xlog1py, xlogy

    if not (0.0 <= mass <= 1.0 and values >= 1 and draws >= 0):
        raise ConfigError(
            "a mass lies in [0, 1], and a set has at least one value", received=(mass, values), remedy="See docs."
        )
    k = np.arange(min(values, draws) + 1, dtype=np.float64)
    ways = gammaln(draws + 1.0) - gammaln(k + 1.0) - gammaln(draws - k + 1.0)
    binomial = ways + xlogy(k, mass) + xlog1py(draws - k, -mass)
    apart = np.concatenate([[0.0], np.cumsum(np.log1p(-k[:-1] / values))])
    return min(1.0, float(np.exp(binomial + apart).sum()))


def least_values(mass: float, draws: int, level: float = 0.95) -> int:
    """Find how many values at least share ``mass`` when ``draws`` draws show no repeat.

    With confidence ``level`` no set of fewer values has that mass; 1 says nothing.

    Examples
    --------
    >>> least_values(1.0, 23, level=0.5)
    373
    """
    low, high = 0, max(2, draws * draws)
    if no_repeat_bound(mass, high, draws) <= 1.0 - level:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if middle and no_repeat_bound(mass, middle, draws) <= 1.0 - level:
            low = middle
        else:
            high = middle
    return low + 1


def birthday_number(support: float) -> float:
    """Approximate the number of draws that repeat a value half of the time: ``sqrt(2 log(2) N + 1/4) + 1/2``.

    For a whole support the exact number is `gandiag.numerics.counts.birthday_median`, at most one apart.

    Examples
    --------
    >>> round(birthday_number(365.0), 1)
    23.0
    """
    return math.sqrt(2.0 * math.log(2.0) * support + 0.25) + 0.5


def chao1_interval(counts: Counts, level: float = 0.95) -> tuple[float, float]:
    """Bracket the number of values by Chao's log-normal interval (Chao 1987, "Estimating the population size").

    Parameters
    ----------
    counts : ndarray of int
        Draws of each value.
    level : float

    Returns
    -------
    low, high : float
        From the number of values seen; both equal to it where no value was seen just once.
    """
    seen, estimate = int((counts > 0).sum()), chao1(counts)
    more = estimate - seen
    if more <= 0:
        return float(seen), float(seen)
    spread = math.exp(_normal_quantile(level) * math.sqrt(math.log1p(chao1_variance(counts) / more**2)))
    return seen + more / spread, seen + more * spread


def chao1_variance(counts: Counts) -> float:
    """Estimate the variance of Chao's estimate (Chao 1987): ``f2 (r^4/4 + r^3 + r^2/2)`` with ``r = f1/f2``.

    Without any value seen twice, that of the bias-corrected form.

    Examples
    --------
    >>> round(chao1_variance(np.repeat([1, 2, 3], [10, 4, 14])), 2)
    114.06
    """
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    if twice:
        r = once / twice
        return twice * (r**4 / 4.0 + r**3 + r**2 / 2.0)
    estimate = chao1(counts)
    return max(0.0, once * (once - 1) / 2.0 + once * (2 * once - 1) ** 2 / 4.0 - once**4 / (4.0 * estimate))


def missing_mass_bound(counts: Counts, level: float = 0.95) -> float:
    """Bound the missing mass from above: ``f1/m + (2 sqrt 2 + sqrt 3) sqrt(log(3/delta)/m)``.

    McAllester & Schapire 2000, "On the convergence rate of Good-Turing estimators"; for every law. Wide: it is below 1
    from some hundred draws on.
    """
    return missing_mass_bound_of(missing_mass(counts), int(counts.sum()), level)


def missing_mass_bound_of(estimate: float, draws: int, level: float) -> float:
    """Give `missing_mass_bound` from the estimate of the missing mass and the number of draws."""
    _require_level(level)
    wide = (2.0 * math.sqrt(2.0) + math.sqrt(3.0)) * math.sqrt(math.log(3.0 / (1.0 - level)) / draws)
    return min(1.0, estimate + wide)


def good_toulmin(counts: Counts, more: float) -> float:
    """Predict how many new values ``more`` times as many draws would show.

    ``-sum_i (-t)^i f_i`` (Good & Toulmin 1956) up to t = 1; beyond it the terms are weighed by the tail of a binomial
    law with ``k = log_3(m t^2/(t - 1)) / 2`` trials of probability ``2/(t + 2)`` (Orlitsky, Suresh & Wu 2016, "Optimal
    prediction of the number of unseen species", which is of use up to t of the order log m).

    Parameters
    ----------
    counts : ndarray of int
    more : float
        Above 0: further draws in units of those made.

    Returns
    -------
    float
        At least 0 and at most the number of further draws.

    Examples
    --------
    >>> good_toulmin(np.array([1, 1, 1, 2]), 1.0)
    2.0
    """
    from scipy.special import bdtrc

    if not more > 0.0:
        raise ConfigError("a prediction looks at more draws", received=more, remedy="Pass more=1.0.")
    seen = np.bincount(counts[counts > 0])
    order = np.flatnonzero(seen)
    order = order[order > 0]
    m = int(counts.sum())
    if more <= 1.0:
        weight = np.ones(len(order))
    else:
        trials = max(1, int(0.5 * math.log(m * more**2 / (more - 1.0), 3.0)))
        order = order[order <= trials]
        weight = bdtrc(order - 1.0, trials, 2.0 / (more + 2.0))  # P(at least order)
    found = -float((weight * (-more) ** order.astype(np.float64) * seen[order]).sum())
    return min(max(0.0, found), more * m)


def close_threshold(fit: Matrix, draws: int, expected: float) -> float:
    """Find the distance within which ``draws`` rows of the law of ``fit`` are expected to have ``expected`` pairs.

    Parameters
    ----------
    fit : ndarray, shape (l, d)
        Rows of neither side under test, at least two.
    draws : int
        At least 2.
    expected : float
    """
    if len(fit) < 2 or draws < 2:
        raise TooFewSamplesError("a distance is between two rows", received=min(len(fit), draws), remedy="Draw more.")
    share = math.comb(len(fit), 2) / math.comb(draws, 2)
    return small_distance(fit, min(max(1, round(expected * share)), math.comb(len(fit), 2)))


def _require_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ConfigError("`level` must lie strictly between 0 and 1", received=level, remedy="Use level=0.95.")


def _normal_quantile(level: float) -> float:
    from scipy.special import ndtri

    _require_level(level)
    return float(ndtri((1.0 + level) / 2.0))
