"""What the number of equal rows says about the size of a support.

For a law with atoms ``p_i`` the collision probability is ``c2 = sum p_i^2`` and the effective support is ``1 / c2``, at
most the number of atoms (Diakonikolas, Gouleakis, Peebles & Price 2016, "Collision-based testers are optimal for
uniformity and closeness", section 2). The bounds on it here hold for every law:

*Few repeats bound it from below.* Given ``c2``, repeats are rarest when one atom carries all of it. For a Poisson
number of draws with mean m the atoms' counts ``N_i`` are independent, the number of equal pairs is
``X = sum C(N_i, 2)``, and ``log E exp(-s C(N_i, 2))`` is convex in ``p_i^2`` and 0 at 0, for every s > 0: its
derivative is a negative multiple of a ratio of two power series in ``m p_i`` whose coefficient ratios
``exp(-s k) (1 - exp(-s (k + 1))) / (k + 1)`` fall with k. So the single atom is the worst case of the Laplace
transform, and Chernoff's bound on ``P(X <= x)`` follows. At x = 0 it reads ``(1 + L) exp(-L)`` with
``L = m sqrt(c2)``. The tempting bound ``N2 >= C(m, 2) / 3`` for no repeats, as if X were Poisson, is wrong.

*Many repeats bound it from above.* Cut the draws into R batches of M. The number D of (batch, atom) pairs with at least
two draws sums negatively associated indicators with total mean at most ``mu = R C(M, 2) c2``, so
``P(D >= d) <= exp(-mu) (e mu / d)^d`` and, by Markov, ``<= mu / d``. R runs over powers of two with the error shared
out beforehand: small batches serve when every atom repeats, the one large batch when repeats are rare.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError

Ids = NDArray[np.int64]


def collision_moment(counts: NDArray[np.int64], order: int = 2) -> float:
    """Estimate ``sum p_i^order`` without bias from the count of each atom: falling factorials over falling factorials.

    Parameters
    ----------
    counts : ndarray of int
        Draws of each atom.
    order : {2, 3}

    Examples
    --------
    >>> round(collision_moment(np.array([3, 2, 1])), 6), collision_moment(np.array([3, 2, 1]), 3)
    (0.266667, 0.05)
    """
    m = int(counts.sum())
    if m < order:
        raise TooFewSamplesError(f"a collision of {order} rows needs {order} rows", received=m, remedy="Draw more.")
    fall = counts.astype(np.float64)
    for less in range(1, order):
        fall = fall * np.maximum(counts - less, 0)
    return float(fall.sum()) / math.prod(m - less for less in range(order))


def collision_variance(c2: float, c3: float, m: int) -> float:
    """Compute the exact variance of the unbiased estimate of ``c2`` from m draws of a law with these moments."""
    pairs = math.comb(m, 2)
    return (pairs * (c2 - c2**2) + 6 * math.comb(m, 3) * (c3 - c2**2)) / pairs**2


def chao1(counts: NDArray[np.int64]) -> float:
    """Estimate the number of atoms from below (Chao 1987, bias-corrected): what is seen, plus what singletons suggest.

    Examples
    --------
    >>> round(chao1(np.repeat([1, 2, 3], [10, 4, 14])), 2)
    36.85
    """
    seen = counts[counts > 0]
    m, once, twice = int(seen.sum()), int((seen == 1).sum()), int((seen == 2).sum())
    return len(seen) + (m - 1) / m * once * (once - 1) / (2 * (twice + 1))


def missing_mass(counts: NDArray[np.int64]) -> float:
    """Estimate the probability of what was not seen: the share of draws seen once (Good 1953; bias at most 1/m)."""
    return int((counts == 1).sum()) / int(counts.sum())


def support_lower_bound(m: int, pairs: int, level: float = 0.95) -> float:
    """Bound the effective support ``1 / c2`` from below by how few pairs of m draws are equal.

    Parameters
    ----------
    m : int
        Number of draws.
    pairs : int
        Number of equal pairs among them.
    level : float
        Probability with which the bound holds, for every law.

    Notes
    -----
    Proven for a Poisson number of draws with mean m (see the module); with a fixed number it held in every simulation.

    Examples
    --------
    >>> round(support_lower_bound(1000, 0))
    44436
    """
    from scipy.optimize import brentq

    _require_level(level)
    log_tail = math.log(1.0 - level)
    low = math.sqrt(2.0 * pairs)
    high = 2.0 * low + 8.0
    while _log_chernoff(high, pairs) > log_tail:
        high *= 2.0
    load = brentq(lambda at: _log_chernoff(at, pairs) - log_tail, low, high, xtol=1e-12, rtol=1e-13)
    return max(1.0, (m / float(load)) ** 2)


def _log_chernoff(load: float, pairs: int) -> float:
    """Bound ``log P(C(N, 2) <= pairs)`` for a Poisson N of mean ``load``."""
    from scipy.optimize import brentq
    from scipy.special import gammaln, logsumexp

    if pairs == 0:
        return math.log1p(load) - load
    if load**2 <= 2.0 * pairs:
        return 0.0
    at = (1.0 + math.sqrt(1.0 + 8.0 * pairs)) / 2.0
    first = max(0, int(at - 12.0 * math.sqrt(at) - 20.0))
    k = np.arange(first, int(load + 12.0 * math.sqrt(load) + 20.0), dtype=np.float64)
    log_mass = k * math.log(load) - load - gammaln(k + 1.0)
    repeats = k * (k - 1.0) / 2.0

    def slope(log_s: float) -> float:
        tilted = log_mass - math.exp(log_s) * repeats
        weights = np.exp(tilted - tilted.max())
        return pairs - float(weights @ repeats / weights.sum())

    lowest, highest = -40.0, 6.0
    if slope(lowest) >= 0:
        return 0.0
    s = math.exp(float(brentq(slope, lowest, highest, xtol=1e-10)))
    return s * pairs + float(logsumexp(log_mass - s * repeats))


def support_upper_bound(ids: Ids, level: float = 0.95) -> float | None:
    """Bound the effective support ``1 / c2`` from above by how often draws repeat, for every law.

    Parameters
    ----------
    ids : ndarray of int, shape (m,)
        Number of the atom of each draw, from 0. In random order, unless the draws are known to be independent.
    level : float
        Probability with which the bound holds.

    Returns
    -------
    float or None
        None without any repeat: the support may then be infinite.
    """
    return support_upper_bound_of(repeats_in_batches(ids), level)


def repeats_in_batches(ids: Ids) -> list[tuple[int, int, float]]:
    """Count, for 1, 2, 4, ... batches, repeats and pairs of draws, with the batches' share of the error."""
    batches = [2**j for j in range(max(1, int(math.log2(max(len(ids), 2)))))]
    out = []
    for r in batches:
        size = len(ids) // r
        share = 0.5 if r == 1 else 0.5 / (len(batches) - 1)
        out.append((_repeated_in_batches(ids, r, size), r * math.comb(size, 2), share if len(batches) > 1 else 1.0))
    return out


def support_upper_bound_of(repeats: list[tuple[int, int, float]], level: float) -> float | None:
    """Give `support_upper_bound` from the counts of `repeats_in_batches`."""
    _require_level(level)
    least = [_least_mean(seen, (1.0 - level) * share) / pairs for seen, pairs, share in repeats if seen]
    best = max(least, default=0.0)
    return max(1.0, 1.0 / best) if best > 0 else None


def _repeated_in_batches(ids: Ids, batches: int, size: int) -> int:
    """Count the (batch, atom) pairs with at least two draws."""
    batch = np.repeat(np.arange(batches), size)
    keys = np.sort(batch * (int(ids.max()) + 1) + ids[: batches * size])
    again = keys[1:] == keys[:-1]
    return int(np.count_nonzero(again[:1]) + np.count_nonzero(again[1:] & ~again[:-1]))


def _least_mean(seen: int, tail: float) -> float:
    """Find the smallest mean at which ``seen`` or more is not rarer than ``tail``, by Chernoff or by Markov."""
    from scipy.optimize import brentq

    def excess(mean: float) -> float:
        return seen - mean + seen * math.log(mean / seen) - math.log(tail)

    chernoff = float(brentq(excess, 1e-300, seen, xtol=1e-300, rtol=1e-12))
    return max(chernoff, tail * seen)


def support_by_batches(size: int, rate: float) -> float:
    """Bound the effective support from above by the rate of batches with a repeat: ``C(size, 2) / rate``.

    By the union bound; put a lower confidence bound of the rate in for a bound that holds with that confidence. It
    makes the rule of thumb exact by which a batch of 400 with a repeat half the time means a support of about 160 000
    (Arora, Risteski & Zhang 2018, "Do GANs learn the distribution? Some theory and empirics").

    Examples
    --------
    >>> support_by_batches(400, 0.5)
    159600.0
    """
    if not 0.0 < rate <= 1.0:
        raise ConfigError("`rate` must lie in (0, 1]", received=rate, remedy="Without a repeat there is no bound.")
    return math.comb(size, 2) / rate


def no_repeat_probability(support: int, draws: int) -> float:
    """Compute the probability that uniform draws from ``support`` atoms are all different."""
    if draws > support:
        return 0.0
    return math.exp(float(np.log1p(-np.arange(draws) / support).sum()))


def birthday_median(support: int) -> int:
    """Find the smallest number of uniform draws that repeat an atom at least half the time.

    Examples
    --------
    >>> [birthday_median(n) for n in (365, 100, 1000, 160_000, 1_000_000)]
    [23, 13, 38, 472, 1178]
    """
    draws = 2
    while no_repeat_probability(support, draws) > 0.5:
        draws += 1
    return draws


def _require_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ConfigError("`level` must lie strictly between 0 and 1", received=level, remedy="Use level=0.95.")
