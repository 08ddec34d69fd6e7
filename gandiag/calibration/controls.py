"""Negative controls: spoiled copies of a test that the same check must reject, or it proves nothing.

Both are made of the p-values of the simulation itself, so that they cost nothing and stand for every metric alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level
from gandiag.calibration.uniformity import uniformity

ALPHA = 0.05
# Samples to choose from: the first number at which the check rejects is the answer.
CHOICES = (3, 5, 10, 20, 50)


@dataclass(frozen=True, kw_only=True)
class Control:
    """What the check said of the spoiled copies.

    Attributes
    ----------
    samples : int
        Fresh samples of which the smallest p-value was reported.
    rate, limit : float
        How often that was at most 0.05, and how often it may be.
    rejected : bool
        Whether the check saw it.
    uncounted_rejected : bool or None
        Whether the check saw a p-value that does not count the observed labelling; None where p-values are not
        permutation p-values, or none came near the smallest one.
    """

    samples: int
    rate: float
    limit: float
    rejected: bool
    uncounted_rejected: bool | None


def negative_controls(p_values: NDArray[np.float64], *, draws: int, permuted: bool) -> Control:
    """Spoil a test in two ways, and judge each copy as the test itself is judged.

    The first draws several samples and reports the smallest p-value, as who tries seeds until something shows. The
    second forgets that the observed labelling is one of all: k / B in place of (k + 1) / (B + 1).
    """
    for samples in [c for c in CHOICES if c <= len(p_values) // 2] or CHOICES[:1]:
        found = level(smallest_of(p_values, samples), ALPHA)
        if not found.kept:
            break
    uncounted = without_the_observed(p_values, draws)
    seen = None
    if permuted and (uncounted <= 0.0).any():
        seen = not uniformity(uncounted, draws=draws, permuted=True).valid
    return Control(samples=samples, rate=found.rate, limit=found.high, rejected=not found.kept, uncounted_rejected=seen)


def smallest_of(p_values: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """Report the smallest of each ``samples`` p-values, in their order."""
    groups = len(p_values) // samples
    smallest: NDArray[np.float64] = p_values[: groups * samples].reshape(groups, samples).min(axis=1)
    return smallest


def without_the_observed(p_values: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    """Turn (k + 1) / (B + 1) into k / B."""
    return np.clip((p_values * (draws + 1) - 1.0) / draws, 0.0, 1.0).round(12)
