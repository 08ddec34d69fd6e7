"""Null simulation: whether a p-value keeps its level when both sides share one law.

Every repetition draws fresh real, fake, set-aside and training rows from one law and asks a metric for its p-value.
The rate of p <= alpha is then judged by exact binomial limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.calibration.inputs import suited
from gandiag.core.comparison import Comparison
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS
from gandiag.errors import NumericalError
from gandiag.measuring import Settings, measured

Law = Callable[[np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Level:
    """How often a test rejected at ``alpha``, and between which rates a test of that level stays."""

    alpha: float
    rate: float
    low: float
    high: float

    @property
    def kept(self) -> bool:
        """Whether the false-alarm rate is not above the limit; below it a test is merely conservative."""
        return self.rate <= self.high


def null_p_values(
    metric: str, law: Law, *, n: int, m: int, fit: int, repetitions: int, permutations: int = 99, seed: int = 0
) -> NDArray[np.float64]:
    """Draw p-values of one metric under equal laws.

    Parameters
    ----------
    metric : str
    law : callable
        ``(rng, rows) -> (rows, d)`` matrix; a last column of whole labels is not expected.
    n, m, fit : int
        Rows of real, fake, and set aside (the training rows are as many as those set aside).
    repetitions : int
    permutations : int
        With 99, both 0.05 and 0.01 are attainable levels.
    seed : int

    Returns
    -------
    ndarray, shape (repetitions,)
        NaN-free: a repetition without a p-value (an undefined result) counts as p = 1.

    Raises
    ------
    NumericalError
        When a repetition fails.
    """
    spec = METRICS.get(metric)
    out = np.ones(repetitions)
    for i in range(repetitions):
        rng = stream(seed, "null simulation", metric, str(i))
        sides = [law(rng, rows) for rows in (n, m, fit, fit)]
        comparison = suited(spec, Comparison(real=sides[0], fake=sides[1], fit=sides[2], train=sides[3], seed=i))
        settings = Settings(seed=i, permutations=permutations, options={metric: spec.example} if spec.example else None)
        result = measured(spec, comparison, settings=settings)
        if result.status == "failed":
            raise NumericalError(
                f"{metric} failed under the null", received=result.reasons["estimate"], remedy="Mend it."
            )
        if result.p_value is not None:
            out[i] = result.p_value.value
    return out


def level(p_values: NDArray[np.float64], alpha: float, *, delta: float = 1e-4) -> Level:
    """Judge the rejection rate at ``alpha`` by binomial limits that a correct test leaves with chance ``delta``."""
    from scipy.stats import binom

    repetitions = len(p_values)
    rejected = int(np.count_nonzero(p_values <= alpha * (1 + 1e-12)))
    low, high = binom.ppf([delta / 2, 1 - delta / 2], repetitions, alpha) / repetitions
    return Level(alpha=alpha, rate=rejected / repetitions, low=float(low), high=float(high))
