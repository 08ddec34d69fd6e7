"""Which of several values is best, and whether that is more than luck.

A value is significantly best when its confidence interval lies wholly on the better side of every other's. All samplers
of a report share the real rows, so their errors depend on each other in an unknown way; a rule by the standard error
of the difference assumes that they do not. For k values the ends are moved out until each is passed with chance
``level / k``: whichever claim is false, one of k ends was then passed, so the chance of a false claim is at most
``level`` (Bonferroni), for any dependence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from gandiag.core.results import Direction, Result

LEVEL = 0.05
Mark = Literal["", "best", "tied"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its two-sided confidence interval."""

    value: float
    low: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Which value is best, and which others could be as good as it.

    Attributes
    ----------
    best : int
    tied : tuple of int
        The others whose interval is not wholly on the worse side of that of the best.
    """

    best: int
    tied: tuple[int, ...]

    @property
    def is_significant(self) -> bool:
        """Tell whether the best is better than every other."""
        return not self.tied


def standing(values: Sequence[Estimate], *, lower_is_better: bool, level: float = LEVEL) -> Standing:
    """Find the best of several values, and those that are not significantly worse.

    Parameters
    ----------
    values : sequence of Estimate
        At least one. Ends are moved as those of a normal law would be.
    lower_is_better : bool
    level : float
        Chance of a false claim, at most.

    Returns
    -------
    Standing

    Examples
    --------
    >>> a, b = Estimate(value=1.0, low=0.8, high=1.2), Estimate(value=2.0, low=1.7, high=2.3)
    >>> standing([a, b], lower_is_better=True)
    Standing(best=0, tied=())
    """
    if not values:
        raise ValueError("`values` must hold at least one")
    sign = 1.0 if lower_is_better else -1.0
    best = min(range(len(values)), key=lambda i: (sign * values[i].value, i))
    tail = level / len(values)
    worst = _end(values[best], tail, upper=lower_is_better)

    def may_be_as_good(other: Estimate) -> bool:
        return sign * _end(other, tail, upper=not lower_is_better) <= sign * worst

    others = (i for i in range(len(values)) if i != best)
    return Standing(best=best, tied=tuple(i for i in others if may_be_as_good(values[i])))


def marks_of(results: Sequence[Result | None], direction: Direction) -> list[Mark]:
    """Mark the best of one metric's results over several samplers: the one rule of tables and figures.

    Parameters
    ----------
    results : sequence of Result or None
        One per sampler; None, and a result without a number, take no part.
    direction : {"lower", "higher", "target"}

    Returns
    -------
    list of str
        "best" for one that is significantly better than all others, "tied" for the best and those that may be as good
        as it, "" for the rest. All are "" where one has no interval with two ends, or no end of the scale is better.
    """
    there = [(i, found) for i, r in enumerate(results) if r is not None and (found := _estimate(r)) is not None]
    measured = sum(r is not None and r.estimate is not None for r in results)
    marks: list[Mark] = [""] * len(results)
    if direction == "target" or measured < 2 or len(there) < measured:
        return marks
    best = standing([estimate for _, estimate in there], lower_is_better=direction == "lower")
    marks[there[best.best][0]] = "best" if best.is_significant else "tied"
    for other in best.tied:
        marks[there[other][0]] = "tied"
    return marks


def _estimate(result: Result) -> Estimate | None:
    """Take the number with its interval; None where that lacks an end."""
    interval = result.interval
    if result.estimate is None or interval is None or interval.low is None or interval.high is None:
        return None
    return Estimate(value=result.estimate, low=interval.low, high=interval.high, confidence=interval.level)


def _end(estimate: Estimate, tail: float, *, upper: bool) -> float:
    """Give the end of the interval that is passed with chance ``tail``."""
    end = estimate.high if upper else estimate.low
    normal = NormalDist()
    stretch = normal.inv_cdf(1.0 - min(tail, 0.5)) / normal.inv_cdf(0.5 + estimate.confidence / 2.0)
    return estimate.value + max(stretch, 0.0) * (end - estimate.value)
