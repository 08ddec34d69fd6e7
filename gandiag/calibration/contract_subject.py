"""A metric under examination, and what a rule of the contract is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gandiag.calibration.contract_inputs import ordinary_pair, witnesses
from gandiag.calibration.inputs import suited
from gandiag.calibration.null_simulation import ready
from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Result
from gandiag.core.specs import MetricSpec
from gandiag.measuring import measured
from gandiag.settings import Settings

QUICK_REPETITIONS = 60


class Subject:
    """One metric under examination.

    Attributes
    ----------
    ordinary : Measurement
        What is measured on `ordinary_pair()`.
    at_witnesses : list of float or None
        The estimates on `witnesses()`. Several rules compare with these two, and one measurement serves all of them.
    """

    def __init__(self, spec: MetricSpec, *, repetitions: int = QUICK_REPETITIONS) -> None:
        self.spec = ready(spec)
        self.repetitions = repetitions

    def result(self, pair: Comparison, *, permutations: int = 99) -> Result:
        """Ask for the whole answer."""
        return measured(self.spec, suited(self.spec, pair), settings=Settings(permutations=permutations))

    def measurement(self, pair: Comparison, *, seed: int = 3) -> Measurement:
        """Ask for the number and its null."""
        return self.spec.measure(suited(self.spec, pair), rng=np.random.default_rng(seed))

    def estimates(self, *pairs: Comparison) -> list[float]:
        """Measure some comparisons; an undefined one leaves nothing to compare."""
        return defined(self.measurement(pair).estimate for pair in pairs)

    @cached_property
    def ordinary(self) -> Measurement:  # noqa: D102
        return self.measurement(ordinary_pair())

    @cached_property
    def at_witnesses(self) -> list[float | None]:  # noqa: D102
        return [self.measurement(pair).estimate for pair in witnesses()]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Parameters
    ----------
    name : str
    demand : str
        What must hold.
    remedy : str
    broken : callable
        ``Subject -> what was received that broke it, or None``.
    """

    name: str
    demand: str
    remedy: str
    broken: Callable[[Subject], str | None]


def defined(values: Iterable[float | None]) -> list[float]:
    """Leave out what is undefined."""
    return [value for value in values if value is not None]


def agree(values: list[float]) -> bool:
    """Tell whether two values are the same number up to rounding; fewer than two always agree."""
    return len(values) < 2 or bool(np.isclose(values[0], values[1], rtol=1e-6, atol=1e-9))
