"""Private helpers: a metric of gandiag asked for its numbers, and rates held against a law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import METRICS

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# The chance at which an honest number would be called wrong: that of 4 standard errors or so.
RARE = 1e-4
Z_05 = 1.6448536269514722


def asked(
    name: str, real: Matrix, fake: Matrix, *, rng: np.random.Generator, train: Matrix | None = None, **options: Any
) -> Measurement:
    """Measure one metric, without its permutations; nothing is set aside: for metrics that fit nothing there."""
    comparison = Comparison(real=real, fake=fake, fit=real[:2], train=train)
    return METRICS.get(name).measure(comparison, rng=rng, **options)


def too_many(hits: int, tries: int, chance: float) -> bool:
    """Tell whether so many hits would be rare at a chance of at most ``chance``, by the exact binomial law.

    Examples
    --------
    >>> too_many(9, 100, 0.05), too_many(20, 100, 0.05)
    (False, True)
    """
    from scipy.special import bdtrc

    return hits > 0 and float(bdtrc(hits - 1, tries, min(max(chance, 0.0), 1.0))) < RARE


def too_few(hits: int, tries: int, chance: float) -> bool:
    """Tell the same of so few hits, at a chance of at least ``chance``."""
    from scipy.special import bdtr

    return hits < tries and float(bdtr(hits, tries, min(max(chance, 0.0), 1.0))) < RARE


def student(draws: int) -> float:
    """Give how many standard errors the mean of so many draws is rarely off, by Student's law.

    Examples
    --------
    >>> round(student(8), 1), round(student(1000), 1)
    (7.9, 3.9)
    """
    from scipy.special import stdtrit

    return float(stdtrit(draws - 1, 1.0 - RARE / 2.0))


def error_of(rate: float, tries: int) -> float:
    """Give the standard error of a rate, that of half a hit where there was none."""
    at = min(max(rate, 0.5 / tries), 1.0 - 0.5 / tries)
    return math.sqrt(at * (1.0 - at) / tries)


def clearly_rises(first: ArrayLike, last: ArrayLike, tries: int, z: float = 3.0) -> bool:
    """Tell whether a rate rose by more than ``z`` standard errors of the difference."""
    a, b = float(np.asarray(first)), float(np.asarray(last))
    return b - a > z * math.hypot(error_of(a, tries), error_of(b, tries))
