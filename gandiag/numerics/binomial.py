"""Exact statements from counts: intervals of a share, power of an accuracy test, bounds on total variation.

A frozen critic judged on rows that it never saw gives independent right-or-wrong answers, so everything here is exact
or a named bound: Clopper & Pearson 1934 (intervals), Fisher 1935 (fixed label counts), Lopez-Paz & Oquab 2017,
"Revisiting classifier two-sample tests", theorem 1 (power). Means of bounded terms: `gandiag.numerics.bounded_means`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError

Vector = NDArray[np.float64]

Sided = Literal["two-sided", "lower", "upper"]


def clopper_pearson(
    successes: int, trials: int, *, level: float = 0.95, sided: Sided = "two-sided"
) -> tuple[float, float]:
    """Bound a share from a count, with coverage of at least ``level`` for every true share.

    Parameters
    ----------
    successes, trials : int
        ``0 <= successes <= trials``.
    level : float
        In (0, 1).
    sided : {"two-sided", "lower", "upper"}
        "lower" gives ``(low, 1)``, "upper" gives ``(0, high)``.

    Returns
    -------
    low, high : float
        In [0, 1].

    Raises
    ------
    ConfigError
        For counts or levels outside their range.

    Notes
    -----
    It also covers the mean share of trials with *different* success probabilities (correct answers on real and on fake
    rows): their sum is more concentrated than the binomial of the same mean beyond one count from it (Hoeffding 1956,
    "On the distribution of the number of successes in independent trials", theorem 5).

    Examples
    --------
    >>> low, high = clopper_pearson(118, 200, sided="lower")
    >>> round(low, 6), high
    (0.529573, 1.0)
    """
    from scipy.special import betaincinv

    if trials < 1 or not 0 <= successes <= trials:
        raise ConfigError(
            "a share needs 0 <= successes <= trials and at least one trial",
            received=f"{successes} of {trials}",
            remedy="Count the successes among the trials.",
        )
    _require_share(level, name="level")
    tail = (1.0 - level) / 2.0 if sided == "two-sided" else 1.0 - level
    low = 0.0 if successes == 0 or sided == "upper" else float(betaincinv(successes, trials - successes + 1, tail))
    full = successes == trials or sided == "lower"
    high = 1.0 if full else float(betaincinv(successes + 1, trials - successes, 1.0 - tail))
    return low, high


def advantage_interval(
    hits: int, real: int, alarms: int, fake: int, *, level: float = 0.95, sided: Sided = "two-sided"
) -> tuple[float, float]:
    """Bound a critic's advantage ``P(says real | real) - P(says real | fake)`` from held-out counts.

    Parameters
    ----------
    hits, real : int
        Real rows called real, and all real rows.
    alarms, fake : int
        Fake rows called real, and all fake rows.
    level : float
    sided : {"two-sided", "lower", "upper"}

    Returns
    -------
    low, high : float
        In [-1, 1]; the lower bound also bounds the total variation of both laws from below.

    Notes
    -----
    With as many real as fake rows the advantage is ``2 accuracy - 1`` and the pooled count of correct answers is used.
    Otherwise both rates are bounded at half the error each (Bonferroni), which is exact and a little wide.
    """
    if real == fake:
        low, high = clopper_pearson(hits + fake - alarms, real + fake, level=level, sided=sided)
        return 2.0 * low - 1.0, 2.0 * high - 1.0
    half = 1.0 - (1.0 - level) / 2.0
    opposite: Sided = {"two-sided": "two-sided", "lower": "upper", "upper": "lower"}[sided]  # type: ignore[assignment]
    hit = clopper_pearson(hits, real, level=half, sided=sided)
    alarm = clopper_pearson(alarms, fake, level=half, sided=opposite)
    return hit[0] - alarm[1], hit[1] - alarm[0]


def auc_to_total_variation(auc: float) -> float:
    """Bound total variation from below by an area under the ROC curve.

    The curve of any score lies below ``min(1, false alarms + TV)``, so ``AUC <= 1 - (1 - TV)^2 / 2``. Returns
    ``1 - sqrt(2 (1 - auc))``, at least 0; below one half the curve says nothing.
    """
    return max(0.0, 1.0 - math.sqrt(2.0 * max(0.0, 1.0 - auc)))


def accuracy_power(edge: float, tested: int, *, level: float = 0.05) -> float:
    """Approximate the power of the accuracy test (Lopez-Paz & Oquab 2017, theorem 1).

    Parameters
    ----------
    edge : float
        True accuracy minus one half, in [0, 0.5).
    tested : int
        Held-out rows of both sides together.
    level : float
        Size of the test.
    """
    from scipy.special import ndtr, ndtri

    _require_edge(edge, least=0.0)
    _require_share(level, name="level")
    critical = -float(ndtri(level))
    return float(ndtr((edge * math.sqrt(tested) - critical / 2.0) / math.sqrt(0.25 - edge**2)))


def exact_accuracy_power(edge: float, tested: int, *, level: float = 0.05) -> tuple[float, float]:
    """Compute the power and the true size of the exact binomial accuracy test.

    Returns
    -------
    power, size : float
        ``size`` is at most ``level``: counts are discrete.
    """
    from scipy.special import bdtrc

    _require_edge(edge, least=0.0)
    counts = np.arange(-1.0, tested + 1.0)  # bdtrc(k) = P(more than k)
    least = counts[np.argmax(np.where(counts < 0, 1.0, bdtrc(np.maximum(counts, 0.0), tested, 0.5)) <= level)]
    return float(bdtrc(least, tested, 0.5 + edge)), float(bdtrc(least, tested, 0.5))


def accuracy_sample_size(edge: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """Find how many held-out rows of both sides together the accuracy test needs (the inverse of theorem 1)."""
    from scipy.special import ndtri

    _require_edge(edge, least=np.finfo(float).tiny)
    _require_share(level, name="level")
    _require_share(power, name="power")
    critical, quantile = -float(ndtri(level)), float(ndtri(power))
    return ((critical / 2.0 + quantile * math.sqrt(0.25 - edge**2)) / edge) ** 2


def hypergeometric_pmf(called: int, real: int, fake: int) -> tuple[NDArray[np.int64], Vector]:
    """Give the law of the number of real rows among ``called`` rows when labels are dealt at random.

    Returns
    -------
    counts : ndarray of int
        All possible numbers of hits, ascending.
    mass : ndarray
        Their probabilities, summing to 1.
    """
    from scipy.special import gammaln

    counts = np.arange(max(0, called - fake), min(called, real) + 1)

    def log_choose(total: int, chosen: NDArray[np.int64]) -> Vector:
        found: Vector = gammaln(total + 1.0) - gammaln(chosen + 1.0) - gammaln(total - chosen + 1.0)
        return found

    log_mass = log_choose(real, counts) + log_choose(fake, called - counts)
    mass = np.exp(log_mass - log_mass.max())
    return counts, mass / mass.sum()


def fisher_p(hits: int, real: int, alarms: int, fake: int) -> float:
    """Compute Fisher's exact one-sided p-value: at least so many hits by chance, all margins fixed.

    It equals the permutation p-value of a frozen critic's accuracy with all relabellings of the held-out rows, for any
    sizes; the binomial against one half is too small for fixed counts and wrong for unequal ones.

    Examples
    --------
    >>> round(fisher_p(59, 100, 41, 100), 7)
    0.0079989
    """
    counts, mass = hypergeometric_pmf(hits + alarms, real, fake)
    return min(1.0, float(mass[counts >= hits].sum()))


def _require_share(value: float, *, name: str) -> None:
    if not 0.0 < value < 1.0:
        raise ConfigError(
            f"`{name}` must lie strictly between 0 and 1", received=value, remedy="Pass 0.95 or the like."
        )


def _require_edge(edge: float, *, least: float) -> None:
    if not least <= edge < 0.5:
        raise ConfigError(
            "`edge` is an accuracy above one half, minus one half: in [0, 0.5)",
            received=edge,
            remedy="Pass the true accuracy minus 0.5.",
        )
