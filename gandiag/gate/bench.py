"""The bench: what conditions are judged on, and what is said of one condition before all are weighed together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gandiag.core.report import FakeReport, RealSource
from gandiag.core.results import Alternative, Result
from gandiag.core.specs import METRICS
from gandiag.core.verdict import Evidence
from gandiag.gate.baseline import Against
from gandiag.gate.conditions import Condition

# K / (B + 1) may miss alpha by its last bit where B is chosen to reach it.
ROUNDING = 1e-9
# The luck of drawing relabellings costs power: a test is asked to see its margin at this share of its level.
LUCK = 1.0 / 3.0
# A test that did not reject speaks for a sampler only where it had this power; a bound holds with this confidence.
POWER = CONFIDENCE = 0.95
# A bound lies one half-width off its number, and the number of a sample as far off the true one.
HALF_WIDTHS = 2.0
# Nobody draws more.
_MOST_ROWS = 1e9
# Exit codes of what cannot be judged: for the data's sake, or for ours.
DATA, INTERNAL = 3, 4
_WORSE: Mapping[str, Alternative] = {"lower": "greater", "higher": "less", "target": "two-sided"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """The results about one sampler, and the error budget.

    Parameters
    ----------
    fake : FakeReport
    real : RealSource
    nulls : mapping
        Metric -> its estimate under relabellings.
    alpha : float
        Of the gate as a whole.
    conditions : int
        How many share it.
    permutations : int
        Most relabellings of a test.
    accept_degraded : tuple of str
        Metrics whose degraded results may pass.
    against : Against, optional
        The baseline, and the rows that are held against it.
    """

    fake: FakeReport
    real: RealSource
    nulls: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    alpha: float
    conditions: int
    permutations: int
    accept_degraded: tuple[str, ...] = ()
    against: Against | None = None

    @property
    def level(self) -> float:
        """The level at which every single test may reject, whatever the others say (Bonferroni)."""
        return self.alpha / max(self.conditions, 1)

    def shared_by(self, tests: int) -> Bench:
        """Let one condition's share of alpha be shared once more by the tests that it rests on."""
        return replace(self, conditions=max(self.conditions, 1) * max(tests, 1))

    def result(self, metric: str) -> Result:
        """Find a usable result.

        Raises
        ------
        Unjudged
            When the metric failed, could not be computed, or is degraded and not accepted as such.
        """
        found = self.fake[metric]
        if found.estimate is None:
            code = INTERNAL if found.status == "failed" else DATA
            raise Unjudged(f"{found.status}: {found.reasons['estimate']}", code)
        if found.status == "degraded" and metric not in self.accept_degraded:
            why = "; ".join(found.warnings) or "see the report"
            raise Unjudged(f"degraded: {why}. Add it to accept_degraded to judge it all the same", DATA)
        return found

    def worse(self, metric: str) -> Alternative:
        """Say in which direction a metric leaves its floor when laws differ."""
        return _WORSE[METRICS.get(metric).direction]


class Unjudged(Exception):
    """A condition that cannot be judged, with the exit code that this stands for."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, kw_only=True, eq=False)
class Weighed:
    """What speaks for and against one condition, before Holm's rule over all of them.

    Parameters
    ----------
    condition : Condition
    p_value : float
        Evidence against it: under the condition, at most a with a chance of at most a.
    by : {"bound", "power"}, optional
        What would make it a pass.
    seen : str
        What was observed, in words.
    holds, open : str
        How a pass and an inconclusive outcome go on.
    """

    condition: Condition
    p_value: float
    seen: str
    by: Evidence | None = None
    holds: str = ""
    open: str = ""
    observed: float | None = None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    smallest: float | None = None
    effect: str = ""
    needed: int | None = None


def rows_needed(rows: int, ratio: float, rate: float) -> int | None:
    """Say how many rows bring a spread down by ``ratio`` when it falls like rows to the power of minus ``rate``.

    Examples
    --------
    >>> rows_needed(1000, 2.0, 0.5)
    4000
    """
    if not math.isfinite(ratio) or math.log(max(ratio, 1.0)) / rate > math.log(_MOST_ROWS / rows):
        return None
    found = rows * max(ratio, 1.0) ** (1.0 / rate)
    step = 10 ** max(0, math.floor(math.log10(found)) - 1)
    return int(math.ceil(found / step - 1e-9) * step)
