"""Result: the one shape of an answer, and the pieces it is made of.

`Measurement` is what a metric returns: the number, and how its null is to be found. `Result` is what a reader gets:
the number with its floor, p-value, interval, and a stated reason for each that is absent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NumericalError

EstimateKind = Literal["estimate", "lower_bound", "upper_bound", "index"]
Direction = Literal["lower", "higher", "target"]
Status = Literal["ok", "degraded", "undefined", "failed"]
Alternative = Literal["greater", "less", "two-sided"]
Sided = Literal["two-sided", "lower", "upper"]
# From a confidence in (0, 1) to the ends of the interval.
Bounds = Callable[[float], tuple[float | None, float | None]]

# The fields that may be absent from a result; each then has a reason.
OPTIONAL_FIELDS = ("estimate", "floor", "excess", "z", "p_value", "e_value", "interval", "mde")


@dataclass(frozen=True, kw_only=True, eq=False)
class Floor:
    """What two samples of the same law score at these sizes: mean, standard deviation, and where they come from."""

    mean: float
    sd: float
    source: str


@dataclass(frozen=True, kw_only=True, eq=False)
class PValue:
    """P-value of "real and fake share one law".

    ``adjusted`` is Holm's over the report's panel; ``least`` is the smallest value that the test could have given,
    where that is known.
    """

    value: float
    calibration: str
    draws: int | None = None
    adjusted: float | None = None
    least: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Interval:
    """Confidence interval of the population quantity; an open side is None.

    ``bounds`` gives its ends at any other confidence: what a gate judges by. An interval that was read from a file or
    a pickle has none.
    """

    low: float | None
    high: float | None
    level: float
    method: str
    sided: Sided = "two-sided"
    bounds: Bounds | None = field(default=None, repr=False)

    @classmethod
    def of(cls, bounds: Bounds, *, level: float, method: str, sided: Sided = "two-sided") -> Interval:
        """Make the interval at ``level`` from its ends as a function of the confidence, in (0, 1)."""
        low, high = bounds(level)
        return cls(low=low, high=high, level=level, method=method, sided=sided, bounds=bounds)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the function out, which no pickle holds."""
        return {**self.__dict__, "bounds": None}


@dataclass(frozen=True, kw_only=True, eq=False)
class Relabelling:
    """A statistic as a function of the labels of a pooled sample: the input of the permutation engine.

    Parameters
    ----------
    observed : ndarray of bool, shape (N,)
        True where the pooled row is real.
    statistic : callable
        ``(N, B) bool -> (S, B) float``. Row 0 is the reported estimate, the last row is the tested statistic
        (one row when they are the same). Every column holds as many True as ``observed``.
    alternative : {"greater", "less", "two-sided"}
        The direction that speaks against "same law".
    worse : {"greater", "less", "two-sided"}, optional
        The direction in which the reported estimate moves away from "same law", where it is not ``alternative``.
    draws : int, optional
        Most permutations worth their cost; the caller's number otherwise.
    groups : ndarray of int, shape (N,), optional
        Rows of one group are dependent and keep one label.
    strata : ndarray of int, shape (N,), optional
        Labels move only within a stratum.
    """

    observed: NDArray[np.bool_]
    statistic: Callable[[NDArray[np.bool_]], NDArray[np.float64]]
    alternative: Alternative = "greater"
    worse: Alternative | None = None
    draws: int | None = None
    groups: NDArray[np.int64] | None = None
    strata: NDArray[np.int64] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownNull:
    """A null law that is known without permutations: exact or analytic floor and p-value."""

    floor: Floor | None
    p_value: PValue | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurement:
    """What a metric returns: the number, the way to its null, and the evidence.

    Parameters
    ----------
    estimate : float or None
        None only with status "undefined" and a reason.
    null : Relabelling, KnownNull or None
        None only with a reason for ``floor`` and ``p_value``.
    e_value : float, optional
        Evidence against "same law" whose mean is at most 1 there; with a reason where absent.
    reasons : mapping
        Field name -> why it is absent.
    details : mapping
        Plain JSON values; a key means the same in every run of the metric.
    arrays : mapping
        What a figure needs; travels with the report, outside the JSON.
    """

    estimate: float | None
    null: Relabelling | KnownNull | None = None
    interval: Interval | None = None
    e_value: float | None = None
    status: Status = "ok"
    reasons: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """One metric's answer about one fake source.

    A number is finite or absent; what is absent has its reason in `reasons`.
    """

    metric: str
    estimate: float | None
    kind: EstimateKind
    direction: Direction
    unit: str
    floor: Floor | None = None
    excess: float | None = None
    z: float | None = None
    p_value: PValue | None = None
    e_value: float | None = None
    interval: Interval | None = None
    mde: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    n_real: int = 0
    n_fake: int = 0
    dim: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    status: Status = "ok"
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_finite_fields(self)
        if self.p_value is not None and not 0.0 <= self.p_value.value <= 1.0:
            raise NumericalError(
                f"{self.metric}: a p-value must lie in [0, 1]", received=self.p_value.value, remedy="Mend the metric."
            )
        for name in OPTIONAL_FIELDS:
            if getattr(self, name) is None and name not in self.reasons:
                raise NumericalError(
                    f"{self.metric}: an absent `{name}` must have a reason", remedy="Give it in `reasons`."
                )

    def __str__(self) -> str:
        if self.estimate is None:
            return f"{self.metric}: {self.status} ({self.reasons['estimate']})"
        floor = "" if self.floor is None else f", floor {self.floor.mean:.4g} ± {self.floor.sd:.2g}"
        p = "" if self.p_value is None else f", p = {self.p_value.value:.4g}"
        return f"{self.metric} = {self.estimate:.4g}{floor}{p}"


def require_finite_fields(value: Any, path: str = "result") -> None:
    """Refuse a NaN or infinity anywhere in a dataclass, mapping or sequence of plain values."""
    if isinstance(value, float) and not math.isfinite(value):
        raise NumericalError(
            f"`{path}` must be finite or absent", received=value, remedy="Report None with a status and a reason."
        )
    if isinstance(value, Mapping):
        for key, item in value.items():
            require_finite_fields(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            require_finite_fields(item, f"{path}[{i}]")
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            if name != "arrays":
                require_finite_fields(getattr(value, name), f"{path}.{name}")
