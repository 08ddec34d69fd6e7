"""Which conditions a metric can pass, and by what kind of evidence: read off a result, so that no table is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.results import Result
from gandiag.core.specs import METRICS
from gandiag.gate.bounds import SCATTER, bound_within, evidence_above
from gandiag.gate.significance import sized


@dataclass(frozen=True, kw_only=True)
class PassKinds:
    """What one metric offers to a gate, each in a few words.

    Attributes
    ----------
    test : str
        Of ``metric.p >= alpha``.
    details : tuple of str
        Counts of findings that have a test of their own, with their margins.
    at_most, at_least : str
        Of ``metric <= x`` and ``metric >= x``: "bound" and "scatter" can pass and fail, "fails only" and "passes only"
        do what they say, "neither" is refused.
    """

    test: str
    details: tuple[str, ...]
    at_most: str
    at_least: str


def pass_kinds(result: Result, null: NDArray[np.float64] | None) -> PassKinds:
    """Say by what kind of evidence conditions on a metric are judged.

    Parameters
    ----------
    result : Result
        Of any comparison in which the metric is defined.
    null : ndarray, shape (B,), optional
        Its estimate under relabellings.
    """
    gate = METRICS.get(result.metric).gate
    return PassKinds(
        test="no p-value" if result.p_value is None else _by_power("p", result),
        details=tuple(f"`{name} == 0`: {_by_power(name, result)}" for name in gate if name != "p"),
        at_most=_by_bound(result, null, 1.0),
        at_least=_by_bound(result, null, -1.0),
    )


def _by_power(quantity: str, result: Result) -> str:
    test = METRICS.get(result.metric).gate.get(quantity)
    if test is None or test.margin is None:
        return "power, at a margin that you name"
    return f"power, {sized(test.effect, test.margin)}"


def _by_bound(result: Result, null: NDArray[np.float64] | None, sign: float) -> str:
    passes = bound_within(result, null, sign)
    fails = evidence_above(result, null, 0.0, sign)
    if passes is None:
        return "neither" if fails is None else "fails only"
    if fails is None:
        return "passes only"
    if passes[1] == fails[1]:
        return "scatter" if passes[1] == SCATTER else "bound"
    return "bound; fails by scatter" if fails[1] == SCATTER else "bound"
