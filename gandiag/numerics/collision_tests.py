"""Collision tests: whether a sampler is uniform on N values, and whether two samplers of unknown law share it.

Uniformity. ``||p - u||_2^2 = c2 - 1/N`` for the collision probability ``c2 = sum p_i^2``, and a law at total variation
eps from uniform has ``c2 >= (1 + 4 eps^2)/N`` (Cauchy & Schwarz). Counting equal pairs of m draws then separates both
by ``2 sqrt(2) eps^2 m / sqrt(N)`` null standard deviations, so ``m = 2 sqrt(N)/eps^2`` draws leave errors of some 3 %
on either side: the optimal order (Diakonikolas, Gouleakis, Peebles & Price 2016, "Collision-based testers are optimal
for uniformity and closeness"; lower bound: Paninski 2008). The older analysis by the variance of the estimate alone
asks for ``sqrt(N)/eps^4``, which is not tight (Goldreich & Ron 2000). In the L2 norm the size of the domain drops out.

Closeness. With ``X_i ~ Poisson(n p_i)`` and ``Y_i ~ Poisson(m q_i)`` the term ``(m X_i - n Y_i)^2 - m^2 X_i - n^2 Y_i``
has mean ``n^2 m^2 (p_i - q_i)^2``. Summed plainly it estimates ``||p - q||_2^2``, divided by ``X_i + Y_i`` it is the
statistic of Chan, Diakonikolas, Valiant & Valiant 2014, "Optimal algorithms for testing closeness of discrete
distributions", which is optimal in total variation: ``max(N^(2/3)/eps^(4/3), sqrt(N)/eps^2)`` draws.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Ids = NDArray[np.int64]

# Upper 5 % points of the normal law, for either error.
_TWO_ERRORS = 2.0 * 1.6449
_L2_CONSTANT = 16.0
_BLOCK = 2**21


def equal_pairs(counts: Matrix) -> Vector:
    """Count the pairs of draws that are equal, one number per column of counts of shape (K, B)."""
    out: Vector = (counts * (counts - 1.0)).sum(axis=0) / 2.0
    return out


def uniform_pairs(draws: int, domain: int, repetitions: int, rng: np.random.Generator) -> Vector:
    """Draw the number of equal pairs among ``draws`` uniform values, many times: the exact null law.

    Parameters
    ----------
    draws : int
    domain : int
        Size N of the domain.
    repetitions : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (repetitions,)
        Mean ``C(draws, 2)/N`` and variance ``C(draws, 2) (1/N)(1 - 1/N)``, exactly.

    Notes
    -----
    O(repetitions * min(draws log draws, domain)).
    """
    _require_domain(domain)
    out = np.empty(repetitions)
    for start in range(0, repetitions, width := max(1, _BLOCK // max(min(draws, domain), 1))):
        part = out[start : start + width]
        if domain <= draws:
            counts = rng.multinomial(draws, np.full(domain, 1.0 / domain), size=len(part)).astype(np.float64)
            part[:] = equal_pairs(counts.T)
        else:
            part[:] = _pairs_by_sorting(np.sort(rng.integers(domain, size=(len(part), draws)), axis=1))
    return out


def _pairs_by_sorting(ordered: Ids) -> Vector:
    """Count the equal pairs in each sorted row: a run of length f holds 1 + 2 + ... + (f - 1)."""
    place = np.arange(ordered.shape[1])
    first = np.ones(ordered.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    begun = np.maximum.accumulate(np.where(first, place, 0), axis=1)
    out: Vector = (place - begun).sum(axis=1, dtype=np.float64)
    return out


def uniformity_separation(domain: int, draws: int, far: float) -> float:
    """Compute by how many null standard deviations a law at total variation ``far`` raises the collision count.

    At least ``2 sqrt(2) far^2 draws / sqrt(N)``, attained by Paninski's family.

    Examples
    --------
    >>> round(uniformity_separation(10_000, 3200, 0.25), 2)
    5.66
    """
    _require_domain(domain)
    return 2.0 * math.sqrt(2.0) * far**2 * draws / math.sqrt(domain)


def uniformity_draws(domain: int, far: float) -> int:
    """Count the draws that tell uniform from total variation ``far``: ``2 sqrt(N)/far^2``, errors of about 3 %.

    Examples
    --------
    >>> uniformity_draws(10_000, 0.25)
    3200
    """
    _require_domain(domain)
    _require_far(far)
    return math.ceil(2.0 * math.sqrt(domain) / far**2 - 1e-9)


def loose_uniformity_draws(domain: int, far: float) -> int:
    """Count the draws of the older analysis, ``sqrt(N)/far^4``: enough, but more than are needed for far < 0.7."""
    _require_domain(domain)
    _require_far(far)
    return math.ceil(math.sqrt(domain) / far**4 - 1e-9)


def uniformity_draws_l2(distance: float) -> int:
    """Count the draws that tell uniform from ``||p - u||_2 >= distance``, whatever the domain: ``16/distance^2``.

    Errors of 5 % on either side by the normal approximation: with ``m = a/distance^2`` the deviations of the count are
    at most ``sqrt(2)/a`` and ``sqrt(2/a^2 + 4/a)`` in units of ``distance^2`` (from ``c3 <= c2^(3/2)``), and a = 16
    keeps 1.645 times their sum below 1.

    Examples
    --------
    >>> uniformity_draws_l2(0.1)
    1600
    """
    _require_far(distance)
    return math.ceil(_L2_CONSTANT / distance**2 - 1e-9)


def uniformity_resolution(domain: int, draws: int) -> float:
    """Find the smallest total variation that ``draws`` draws tell from uniform with errors of 5 % on either side.

    Returns
    -------
    float
        May exceed ``1 - 1/N``, the largest there is: such few draws see nothing for certain.

    Examples
    --------
    >>> round(uniformity_resolution(10_000, 3200), 3)
    0.191
    """
    _require_domain(domain)
    return math.sqrt(_TWO_ERRORS * math.sqrt(domain) / (2.0 * math.sqrt(2.0) * draws))


def hidden_value(domain: int, draws: int) -> float:
    """Compute the total variation between ``draws`` draws from N values and from N - 1 of them.

    ``1 - (1 - 1/N)^draws``: the chance that the missing value shows at all. The divergence
    ``KL(u_N || u_{N-1})`` is infinite, so no sample bounds a KL divergence to uniform before it covers the domain.

    Examples
    --------
    >>> round(hidden_value(1000, 100), 6)
    0.095208
    """
    _require_domain(domain)
    return -math.expm1(draws * math.log1p(-1.0 / domain)) if domain > 1 else 1.0


def squared_distance(real: Matrix, fake: Matrix, n: int, m: int) -> Vector:
    """Estimate ``||p - q||_2^2`` without bias: collisions within each side, less twice those across.

    Parameters
    ----------
    real, fake : ndarray, shape (K, B)
        Counts per value; values with a single row on both sides together may be left out.
    n, m : int
        Rows of either side, at least 2.

    Returns
    -------
    ndarray, shape (B,)
        Negative half of the time under equal laws. Equals the unbiased squared MMD with the kernel ``1[x = y]``.

    Examples
    --------
    >>> import numpy as np
    >>> squared_distance(np.array([[2.0], [0.0]]), np.array([[0.0], [2.0]]), 2, 2)
    array([2.])
    """
    within = equal_pairs(real) / math.comb(n, 2) + equal_pairs(fake) / math.comb(m, 2)
    out: Vector = within - 2.0 * (real * fake).sum(axis=0) / (n * m)
    return out


def closeness_statistic(real: Matrix, fake: Matrix, n: int, m: int) -> Vector:
    """Compute the statistic of Chan et al. 2014, extended to sides of unequal size, one number per column.

    ``sum_i ((m X_i - n Y_i)^2 - m^2 X_i - n^2 Y_i) / (n m (X_i + Y_i))``, which is their
    ``sum_i ((X_i - Y_i)^2 - X_i - Y_i) / (X_i + Y_i)`` at n = m. Mean about 0 under equal laws.

    Examples
    --------
    >>> import numpy as np
    >>> closeness_statistic(np.array([[3.0], [1.0]]), np.array([[1.0], [3.0]]), 4, 4)
    array([0.])
    >>> closeness_statistic(np.array([[4.0], [0.0]]), np.array([[0.0], [4.0]]), 4, 4)
    array([6.])
    """
    gap = m * real - n * fake
    totals = np.maximum(real + fake, 1.0)
    out: Vector = ((gap**2 - m**2 * real - n**2 * fake) / totals).sum(axis=0) / (n * m)
    return out


def closeness_draws(domain: int, far: float) -> int:
    """Count the draws per side of the order that closeness testing takes: ``max(N^(2/3)/far^(4/3), sqrt(N)/far^2)``."""
    _require_domain(domain)
    _require_far(far)
    rare, frequent = math.pow(domain, 2 / 3) / math.pow(far, 4 / 3), math.sqrt(domain) / far**2
    return math.ceil(max(rare, frequent))


def _require_domain(domain: int) -> None:
    if domain < 1:
        raise ConfigError("a domain has at least one value", received=domain, remedy="Pass the number of values.")


def _require_far(far: float) -> None:
    if not 0.0 < far <= 1.0:
        raise ConfigError("a distance between laws lies in (0, 1]", received=far, remedy="Pass 0.1 or the like.")
