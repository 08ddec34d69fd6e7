"""Null simulation: whether a p-value keeps its level when both sides share one law.

Every repetition draws fresh real, fake, set-aside and training rows from one law and asks a metric for its p-value.
The rate of p <= alpha is then judged by exact binomial limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gandiag.calibration.inputs import suited
from gandiag.calibration.laws import Law
from gandiag.core.comparison import Comparison
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.errors import NumericalError
from gandiag.measuring import measured
from gandiag.settings import Settings

DELTA = 1e-4


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
    metric: str | MetricSpec,
    law: Law,
    *,
    n: int,
    m: int,
    fit: int,
    repetitions: int,
    permutations: int = 99,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Draw p-values of one metric under equal laws.

    Parameters
    ----------
    metric : str or MetricSpec
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
    return simulated_p_values(
        metric, law, law, range(repetitions), sizes=(n, m, fit), permutations=permutations, seed=seed
    )


def simulated_p_values(
    metric: str | MetricSpec,
    real: Law,
    fake: Law,
    repetitions: Iterable[int],
    *,
    sizes: tuple[int, int, int],
    permutations: int = 99,
    seed: int = 0,
    purpose: tuple[str, ...] = ("null simulation",),
) -> NDArray[np.float64]:
    """Draw the p-values of some numbered repetitions.

    Each repetition has a stream of its own, so that a simulation may be split between processes, or prolonged, without
    a change to any of its numbers.

    Parameters
    ----------
    metric : str or MetricSpec
    real, fake : callable
        The law of the real, set-aside and training rows, and that of the fake rows.
    repetitions : iterable of int
        Which ones.
    sizes : (int, int, int)
        Rows of real, of fake, and set aside.
    permutations, seed
        As in `null_p_values`.
    purpose : tuple of str
        Names the streams.

    Returns
    -------
    ndarray, shape (number of repetitions,)

    Raises
    ------
    NumericalError
        When a repetition fails.
    """
    spec = ready(METRICS.get(metric) if isinstance(metric, str) else metric)
    n, m, fit = sizes
    out = []
    for i in repetitions:
        rng = stream(seed, *purpose, spec.name, str(i))
        sides = [law(rng, rows) for law, rows in ((real, n), (fake, m), (real, fit), (real, fit))]
        own = i + 1_000_003 * seed
        comparison = suited(spec, Comparison(real=sides[0], fake=sides[1], fit=sides[2], train=sides[3], seed=own))
        result = measured(spec, comparison, settings=Settings(seed=own, permutations=permutations))
        if result.status == "failed":
            raise NumericalError(
                f"{spec.name} must answer in every repetition of a simulation",
                received=result.reasons["estimate"],
                remedy=f"Mend it, and run repetition {i} of {' '.join(purpose)} again.",
            )
        out.append(1.0 if result.p_value is None else result.p_value.value)
    return np.array(out)


def ready(spec: MetricSpec) -> MetricSpec:
    """Bind the options without which a metric cannot run, so that it needs no entry in a catalog to be given them."""
    return replace(spec, measure=partial(spec.measure, **spec.example), example={}) if spec.example else spec


def level(p_values: NDArray[np.float64], alpha: float, *, delta: float = DELTA) -> Level:
    """Judge the rejection rate at ``alpha`` by binomial limits that a correct test leaves with chance ``delta``."""
    from scipy.stats import binom

    repetitions = len(p_values)
    rejected = int(np.count_nonzero(p_values <= alpha * (1 + 1e-12)))
    low, high = binom.ppf([delta / 2, 1 - delta / 2], repetitions, alpha) / repetitions
    return Level(alpha=alpha, rate=rejected / repetitions, low=float(low), high=float(high))
