"""Conditions on numbers: judged by the confidence bound, never by the point.

A condition fails when the number lies beyond the limit with the confidence that the gate asks for, passes when it lies
within it with 95 % confidence, and is open otherwise. The p-value of "the condition holds" is the smallest error at
which the bound excludes the limit.

Where a metric has no valid interval, the scatter of real against real takes its place: the number is as uncertain as
that of two samples of one law at these sizes. That is exact where the true number is near its floor and an
approximation elsewhere, and the judgement says so. Such a number fails only where it is also worse than real against
real: a limit below the floor is no evidence against anybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.results import Direction, Interval, Result
from gandiag.gate.bench import CONFIDENCE, DATA, Bench, Unjudged, Weighed, rows_needed
from gandiag.gate.conditions import Limit
from gandiag.inference.effects import beyond, upper_tail
from gandiag.inference.permutation import p_value

_LEAST, _HALVINGS = 1e-12, 50


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Turns an estimate into the quantity that a condition is about: ``(estimate - shift) / unit``."""

    shift: float = 0.0
    unit: float = 1.0

    def of(self, estimate: float) -> float:
        return (estimate - self.shift) / self.unit

    def back(self, value: float) -> float:
        return value * self.unit + self.shift


def weigh_limit(condition: Limit, bench: Bench) -> Weighed:
    """Weigh a condition that holds a number against a limit.

    Raises
    ------
    Unjudged
        When the number is absent, or nothing is known of its uncertainty.
    """
    result = bench.result(condition.metric)
    scale = _scale(result, condition.quantity)
    limit = scale.back(float(condition.limit or 0.0))
    # "At least" is "at most" of the negative.
    sign = 1.0 if condition.comparator in ("<=", "<") else -1.0
    estimate = _number(result.estimate)
    null = bench.nulls.get(condition.metric)
    above = evidence_above(result, null, limit, sign)
    within = bound_within(result, null, sign)
    if above is None and within is None:
        raise Unjudged(f"no uncertainty is known: {result.reasons.get('interval', 'no interval')}", DATA)
    p, method = (1.0, "") if above is None else above
    far, how = (math.inf, method) if within is None else within
    holds = sign * far <= sign * limit if within is not None else False
    return Weighed(
        condition=condition,
        p_value=p,
        seen=f"{_named(condition)} = {scale.of(estimate):.4g}",
        by="bound" if holds else None,
        holds=_told_bound(sign, scale.of(far), how) if holds else "",
        open=_why_open(sign, None if within is None else scale.of(far), how, result),
        observed=scale.of(estimate),
        limit=condition.limit,
        high=scale.of(far) if within is not None and sign > 0 else None,
        low=scale.of(far) if within is not None and sign < 0 else None,
        needed=_needed(bench, sign * (limit - estimate), None if within is None else abs(far - estimate)),
    )


def _number(value: float | None) -> float:
    if value is None:
        raise Unjudged("no number", DATA)
    return value


def _named(condition: Limit) -> str:
    return condition.metric if condition.quantity == "estimate" else f"{condition.metric}.{condition.quantity}"


def _scale(result: Result, quantity: str) -> _Scale:
    if quantity == "estimate":
        return _Scale()
    if result.floor is None:
        raise Unjudged(f"no floor: {result.reasons['floor']}", DATA)
    if quantity == "excess":
        return _Scale(shift=result.floor.mean)
    if result.z is None:
        raise Unjudged(f"no z: {result.reasons['z']}", DATA)
    return _Scale(shift=result.floor.mean, unit=result.floor.sd)


def evidence_above(
    result: Result, null: NDArray[np.float64] | None, limit: float, sign: float
) -> tuple[float, str] | None:
    """Give the p-value of "the number is within the limit", and how it was found."""
    interval = result.interval
    if interval is not None and interval.bounds is not None and _side(interval, 0.5, -sign) is not None:
        return _inverted(interval, limit, sign), interval.method
    drawn, null = null is not None and len(null) > 1, _scatter(result, null)
    if null is None:
        return None
    estimate, gaps = _number(result.estimate), sign * (null - null.mean())
    beyond_limit = upper_tail(gaps, sign * (estimate - limit))
    if _is_worse(result.direction, sign):
        # A limit that real data miss too is no evidence against the sampler.
        # Its rank among relabellings is exact; a tail beyond them would be a guess.
        same = p_value(sign * estimate, sign * null) if drawn else upper_tail(sign * null, sign * estimate)
        return max(beyond_limit, same), SCATTER
    return beyond_limit, SCATTER


def _is_worse(direction: Direction, sign: float) -> bool:
    """Tell whether a number that grows (sign 1) or falls (sign -1) leaves its floor for the worse."""
    return direction == "target" or (direction == "lower") == (sign > 0.0)


def _scatter(result: Result, null: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Give what two samples of one law score: relabellings, or the normal law of a floor that is known without any."""
    if null is not None and len(null) > 1:
        return null
    if result.floor is None or result.floor.sd <= 0.0:
        return None
    from scipy.special import ndtri

    points: NDArray[np.float64] = result.floor.mean + result.floor.sd * ndtri((np.arange(_POINTS) + 0.5) / _POINTS)
    return points


_POINTS = 999
SCATTER = "by the scatter of real against real, for want of an interval"


def bound_within(result: Result, null: NDArray[np.float64] | None, sign: float) -> tuple[float, str] | None:
    """Bound the number on the side of the limit with 95 % confidence, and say how."""
    interval = result.interval
    if interval is not None:
        far = _side(interval, 1.0 - CONFIDENCE, sign)
        # A metric with one valid bound has none on the other side, and scatter would pretend one.
        return None if far is None else (far, interval.method)
    null = _scatter(result, null)
    if null is None:
        return None
    gaps = sign * (null - null.mean())
    return _number(result.estimate) + sign * beyond(-gaps, 1.0 - CONFIDENCE), SCATTER


def _side(interval: Interval, error: float, sign: float) -> float | None:
    """Give the upper (sign 1) or lower (sign -1) bound that is wrong with a chance of at most ``error``."""
    if interval.bounds is None:
        low, high = interval.low, interval.high
    else:
        low, high = interval.bounds(1.0 - (2.0 * error if interval.sided == "two-sided" else error) or _LEAST)
    return high if sign > 0 else low


def _inverted(interval: Interval, limit: float, sign: float) -> float:
    """Find the smallest error at which the bound excludes the limit, by bisection of its logarithm."""

    def excluded(error: float) -> bool:
        near = _side(interval, error, -sign)
        return near is not None and sign * near > sign * limit

    if excluded(_LEAST):
        return _LEAST
    largest = 0.49
    if not excluded(largest):
        return 1.0
    low, high = math.log(_LEAST), math.log(largest)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if excluded(math.exp(middle)) else (middle, high)
    return math.exp(high)


def _told_bound(sign: float, far: float, how: str) -> str:
    return f"{'at most' if sign > 0 else 'at least'} {far:.4g} with 95 % confidence ({how})"


def _why_open(sign: float, far: float | None, how: str, result: Result) -> str:
    if far is not None:
        return f"known only to be {_told_bound(sign, far, how)}"
    side = "upper" if sign > 0 else "lower"
    word = "these critics found no more" if result.kind == "lower_bound" else "samples alone give none"
    return f"it has no {side} bound, so it cannot pass: {word}"


def _needed(bench: Bench, room: float, width: float | None) -> int | None:
    """Say how many rows bring the bound to the limit: within it or, from beyond it, out of reach."""
    if width is None or room == 0.0 or width <= abs(room):
        return None
    return rows_needed(min(bench.real.n, bench.fake.n), width / abs(room), 0.5)
