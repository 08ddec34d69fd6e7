"""Bounds on the mean of independent bounded terms that hold for every law, at any confidence.

Each is given as a function of the confidence: what is dear is done once, and the same draws serve every confidence, so
that the ends move one way with it. Maurer & Pontil 2009, "Empirical Bernstein bounds and sample variance penalization",
theorem 4; Gaffke's bound (Learned-Miller & Thomas 2019, "A new confidence interval for the mean of a bounded random
variable").
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError

Vector = NDArray[np.float64]
# From a confidence in (0, 1) to a lower end, and to both.
LowerBound = Callable[[float], float]
BothBounds = Callable[[float], tuple[float, float]]

# Random weights behind a bound of a mean: 25 of them lie beyond a tail of one in eighty.
_WEIGHTINGS, _WEIGHTINGS_AT_ONCE = 2000, 200
# Fewest weights beyond a tail for their quantile to speak of it; a rarer one is bounded without draws.
_FEWEST_BEYOND = 10


def bernstein_lower_bound(values: Vector, low: float, high: float) -> LowerBound:
    """Bound the mean of independent bounded terms from below, at any confidence (Maurer & Pontil 2009, theorem 4).

    Parameters
    ----------
    values : ndarray, shape (n,)
        Independent, within [low, high].
    low, high : float
        Bounds that were known before the values were.

    Returns
    -------
    callable
        From a level to ``mean - sqrt(2 V log(2/delta) / n) - 7 (high - low) log(2/delta) / (3 (n - 1))``, at least
        ``low``; it holds with that probability, whatever the law. It keeps four numbers, not the values.
    """
    n = len(values)
    if n < 2:
        raise TooFewSamplesError(
            "an empirical Bernstein bound needs at least 2 values", received=n, remedy="Draw more."
        )
    mean, variance = float(values.mean()), float(values.var(ddof=1))

    def bound(level: float) -> float:
        _require_level(level)
        log_term = math.log(2.0 / (1.0 - level))
        spread = math.sqrt(2.0 * variance * log_term / n)
        return max(low, mean - spread - 7.0 * (high - low) * log_term / (3.0 * (n - 1)))

    return bound


def empirical_bernstein_lower(values: Vector, low: float, high: float, *, level: float = 0.95) -> float:
    """Bound the mean of independent bounded terms from below at one level: see `bernstein_lower_bound`."""
    return bernstein_lower_bound(values, low, high)(level)


def gaffke_bounds(values: Vector, low: float, high: float, rng: np.random.Generator) -> BothBounds:
    """Bound the mean of independent bounded terms from both sides at any confidence, however skewed their law.

    Gaffke's bound: the quantiles of the terms' mean under random weights, uniform on the simplex, with one more term at
    the end of the range. Two-point laws give Clopper & Pearson's interval, so terms that are all alike do not pass for
    certainty as they do in a t interval (Learned-Miller & Thomas 2019; its level is proven in special cases and held in
    every simulation).

    Parameters
    ----------
    values : ndarray, shape (n,)
        Independent, within [low, high].
    low, high : float
        Bounds that were known before the values were.
    rng : numpy.random.Generator
        Draws the weights, once for all levels.

    Returns
    -------
    callable
        From a level to ``(low, high)``, which hold together.

    Notes
    -----
    The draws reach to a tail of one in two hundred. A quantile farther out is bounded by `rare_mean`, so the interval
    is a little wide there, and never the smallest of the draws for want of more.
    """
    if len(values) < 1:
        raise TooFewSamplesError("an interval of a mean needs a value", received=0, remedy="Draw more.")
    means, ends = np.empty(_WEIGHTINGS), np.empty(_WEIGHTINGS)
    for start in range(0, _WEIGHTINGS, _WEIGHTINGS_AT_ONCE):
        part = slice(start, start + _WEIGHTINGS_AT_ONCE)
        weights = rng.standard_exponential((len(means[part]), len(values) + 1))
        weights /= weights.sum(axis=1, keepdims=True)
        means[part], ends[part] = weights[:, :-1] @ values, weights[:, -1]
    below, above = np.sort(means + low * ends), np.sort(means + high * ends)
    mean = float(values.mean())
    with_low, with_high = np.append(values, low), np.append(values, high)

    def bounds(level: float) -> tuple[float, float]:
        _require_level(level)
        tail = (1.0 - level) / 2.0
        least, most = float(np.quantile(below, tail)), float(np.quantile(above, 1.0 - tail))
        if tail * _WEIGHTINGS < _FEWEST_BEYOND:
            least, most = min(least, rare_mean(with_low, tail)), max(most, -rare_mean(-with_high, tail))
        return min(max(low, least), mean), max(min(high, most), mean)

    return bounds


def bounded_mean_interval(
    values: Vector, low: float, high: float, rng: np.random.Generator, *, level: float = 0.95
) -> tuple[float, float]:
    """Bound the mean of independent bounded terms from both sides at one level: see `gaffke_bounds`.

    Examples
    --------
    >>> low, high = bounded_mean_interval(np.zeros(20), 0.0, 1.0, np.random.default_rng(0))
    >>> low, abs(high - 0.168) < 0.02
    (0.0, True)
    """
    return gaffke_bounds(values, low, high, rng)(level)


def rare_mean(terms: Vector, tail: float) -> float:
    """Bound the ``tail`` quantile of the terms' mean under random weights, uniform on the simplex, from below.

    Parameters
    ----------
    terms : ndarray, shape (n,)
    tail : float
        In (0, 1).

    Returns
    -------
    float
        At least the smallest term, and at most the quantile.

    Notes
    -----
    By Chernoff, ``P(W . z <= t) <= min_s prod_i 1 / (1 + s (z_i - t))``, which is the largest ``prod_i n w_i`` over
    weights w with ``w . z = t`` (the empirical likelihood of t: Owen 2001, "Empirical likelihood", section 2.9). The
    least t for which that is ``tail`` has weights in proportion to ``1 / (z_i - v)`` for one v below all terms: a root
    in one variable. Cost O(n).

    Examples
    --------
    >>> round(rare_mean(np.array([0.0, 1.0]), 0.36), 6)  # n^2 w (1 - w) = 0.36
    0.1
    """
    from scipy.optimize import brentq

    least, span = float(terms.min()), float(terms.max() - terms.min())
    if span == 0.0:
        return least
    gaps = (terms - least) / span

    def weights(depth: float) -> Vector:
        inverse = 1.0 / (gaps + math.exp(depth))
        found: Vector = inverse / inverse.sum()
        return found

    def excess(depth: float) -> float:
        return float(np.log(len(gaps) * weights(depth)).sum()) - math.log(tail)

    # The product is at most n exp(1 + depth), and 1 with equal weights.
    depth = float(brentq(excess, math.log(tail) - 60.0, 30.0, xtol=1e-9))
    return least + span * float(weights(depth) @ gaps)


def _require_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ConfigError("`level` must lie strictly between 0 and 1", received=level, remedy="Pass 0.95 or the like.")
