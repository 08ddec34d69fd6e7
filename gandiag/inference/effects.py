"""The smallest effect that a test sees: from the spread of its null, at any level and power.

Beyond the critical value the spread counts, which grows with the effect where the statistic is a sum of squares
``l (Z + shift)^2``: its variance is that of the null plus ``4 l`` times the excess of its mean, and l is a quarter of
the null's third moment over its variance. A symmetric null has l = 0.

The critical value of a level that the draws do not reach is that of the gamma law with their first three moments
(Pearson's type III), which is what sums of squares follow; see `beyond`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.results import Alternative

Vector = NDArray[np.float64]

# A quantile is read off the draws themselves while this many lie beyond it.
_FEWEST_BEYOND = 20
_ALMOST_SYMMETRIC = 1e-3


def smallest_effect(estimates: Vector, worse: Alternative, *, level: float, power: float) -> float:
    """Find how far from the floor an estimate's mean must lie to be significant by itself.

    Parameters
    ----------
    estimates : ndarray, shape (B,)
        The estimate under relabellings; not all equal.
    worse : {"greater", "less", "two-sided"}
        The direction in which the estimate leaves its floor when laws differ.
    level : float
        Of the test; a two-sided one spends half of it on either side.
    power : float

    Returns
    -------
    float
        In the unit of the estimate, above 0.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=100_000)
    >>> bool(abs(smallest_effect(draws, "greater", level=0.05, power=0.8) - (1.645 + 0.842)) < 0.05)
    True
    """
    if worse == "two-sided":
        return max(_one_sided(side, level / 2.0, power) for side in (estimates, -estimates))
    return _one_sided(estimates if worse == "greater" else -estimates, level, power)


def normal_effect(sd: float, *, level: float, power: float) -> float:
    """Find the same for an estimate that is normal with a known standard deviation."""
    from scipy.special import ndtri

    return float(ndtri(1.0 - level) + ndtri(power)) * sd


def _one_sided(estimates: Vector, level: float, power: float) -> float:
    from scipy.special import ndtri

    gaps = estimates - estimates.mean()
    variance = float(np.square(gaps).mean())
    unit = max(0.0, float((gaps**3).mean()) / variance / 4.0)
    reach, q = max(0.0, beyond(gaps, level)), float(ndtri(power))
    # Solves effect = reach + q sqrt(variance + 4 unit effect).
    wide = 2.0 * unit * q**2
    return reach + wide + q * float(np.sqrt(variance + 4.0 * unit * reach + (2.0 * unit * q) ** 2))


def beyond(draws: Vector, level: float) -> float:
    """Find the value that a share ``level`` of the law of ``draws`` exceeds, also where no draw does.

    Parameters
    ----------
    draws : ndarray, shape (B,)
    level : float
        In (0, 1).

    Returns
    -------
    float
        The draws' own quantile while `_FEWEST_BEYOND` of them lie beyond it; else the larger of the gamma law's with
        their three moments and of the most extreme draw.

    Examples
    --------
    >>> draws = np.random.default_rng(0).chisquare(3, size=500)
    >>> bool(abs(beyond(draws, 1e-4) / 21.1 - 1) < 0.3)
    True
    """
    from scipy.stats import gamma, norm

    if level * len(draws) >= _FEWEST_BEYOND:
        return float(np.quantile(draws, 1.0 - level))
    mean, sd = float(draws.mean()), float(draws.std())
    if sd == 0.0:
        return mean
    skewness = float(np.mean(((draws - mean) / sd) ** 3))
    if skewness < _ALMOST_SYMMETRIC:
        tail = float(norm.isf(level))
    else:
        shape = 4.0 / skewness**2
        tail = (float(gamma.isf(level, shape)) - shape) / np.sqrt(shape)
    return max(mean + sd * tail, float(draws.max()) if level * len(draws) < 1.0 else -np.inf)


def upper_tail(draws: Vector, value: float) -> float:
    """Estimate the share of the law of ``draws`` at or above a value, also where no draw is.

    Returns
    -------
    float
        ``(1 + #{draws >= value}) / (B + 1)`` while `_FEWEST_BEYOND` draws lie there; else the smaller of that share and
        of the tail of the gamma law with the draws' three moments. In (0, 1].

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=999)
    >>> bool(upper_tail(draws, 6.0) < 1e-7), round(upper_tail(draws, 0.0), 1)
    (True, 0.5)
    """
    from scipy.stats import gamma, norm

    slack = 1e-12 * (1.0 + abs(value))
    hits = int(np.count_nonzero(draws >= value - slack))
    share = (1.0 + hits) / (len(draws) + 1.0)
    mean, sd = float(draws.mean()), float(draws.std())
    if hits >= _FEWEST_BEYOND or sd == 0.0:
        return share
    skewness = float(np.mean(((draws - mean) / sd) ** 3))
    z = (value - mean) / sd
    if skewness < _ALMOST_SYMMETRIC:
        tail = float(norm.sf(z))
    else:
        shape = 4.0 / skewness**2
        tail = float(gamma.sf(z * np.sqrt(shape) + shape, shape))
    return min(share, max(tail, np.finfo(float).tiny))
