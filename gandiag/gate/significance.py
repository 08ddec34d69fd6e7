"""Conditions on p-values: a test that rejects fails; one that does not passes only if it would have seen the margin.

That a test did not reject says nothing by itself. It is evidence for a sampler where the test, at these sizes and at
the level that the gate leaves it, rejects an effect of the declared margin with power 0.95: a sampler that is as bad
as the margin then passes in at most 5 % of runs. The level is Bonferroni's share of alpha, which Holm's rule never
falls below.
"""

from __future__ import annotations

import math

from gandiag.core.results import Result
from gandiag.core.specs import METRICS, GateTest
from gandiag.gate.bench import DATA, LUCK, POWER, ROUNDING, Bench, Unjudged, Weighed, rows_needed
from gandiag.gate.conditions import Limit
from gandiag.inference.effects import normal_effect, smallest_effect

_ANY = GateTest(margin=None, effect="an estimate {} off its floor")


def weigh_test(condition: Limit, bench: Bench) -> Weighed:
    """Weigh a condition that is decided by a p-value.

    Raises
    ------
    Unjudged
        When there is no p-value.
    """
    result = bench.result(condition.metric)
    test, margin = declared(condition)
    p = _p_value(result, test)
    smallest = seen_effect(result, test, bench)
    sees = margin is not None and smallest <= margin
    needed = None if margin is None or sees else _needed(result, smallest / margin, test.rate)
    counted = _count(result, condition.quantity)
    return Weighed(
        condition=condition,
        p_value=p,
        seen=f"p = {p:.3g}" if counted is None else f"{counted} found, p = {p:.3g}",
        by="power" if sees else None,
        holds=f"would have seen {sized(test.effect, margin)} (sees {smallest:.3g})"
        if margin is not None and sees
        else "",
        open=_why_open(margin, smallest, test.effect, most=0 if needed else most_rows(condition.metric)),
        observed=p if counted is None else float(counted),
        limit=None if counted is None else 0.0,
        margin=margin,
        smallest=smallest if math.isfinite(smallest) else None,
        effect=test.effect,
        needed=needed,
    )


def declared(condition: Limit) -> tuple[GateTest, float | None]:
    """Find what a condition tests, and the effect that must not go unseen: its own margin, or the metric's."""
    test = METRICS.get(condition.metric).gate.get(condition.quantity, _ANY)
    return test, test.margin if condition.margin is None else condition.margin


def _p_value(result: Result, test: GateTest) -> float:
    if test.p_value is not None:
        return test.p_value(result)
    if result.p_value is None:
        raise Unjudged(f"no p-value: {result.reasons['p_value']}", DATA)
    return result.p_value.value


def _count(result: Result, quantity: str) -> int | None:
    """Count the findings of a detail; None for a plain p-value."""
    if quantity == "p":
        return None
    value = result.details[quantity]
    return len(value) if isinstance(value, list | tuple) else int(value)


def seen_effect(result: Result, test: GateTest, bench: Bench) -> float:
    """Find the smallest effect that a test sees at the gate's level with power 0.95; infinity where it sees none."""
    p = result.p_value
    if test.p_value is None and p is not None and p.least is not None and p.least > bench.level * (1.0 + ROUNDING):
        return math.inf
    drawn = test.p_value is None and p is not None and p.draws is not None
    level = bench.level * (LUCK if drawn else 1.0)
    own = None if test.smallest is None else test.smallest(result, level, POWER)
    if own is not None:
        return float(own)
    level /= test.joined
    null = bench.nulls.get(result.metric)
    if null is not None and len(null) > 1 and float(null.std()) > 0.0:
        return float(smallest_effect(null, bench.worse(result.metric), level=level, power=POWER))
    if result.floor is not None and result.floor.sd > 0.0:
        return float(normal_effect(result.floor.sd, level=level, power=POWER))
    return math.inf


def sized(effect: str, size: float) -> str:
    """Put a size into the words of an effect."""
    return effect.format(f"{size:.3g}")


def _why_open(margin: float | None, smallest: float, effect: str, *, most: int) -> str:
    """Say why not to reject is no pass; ``most`` is the rows that the metric takes where more are no help, else 0."""
    if margin is None:
        return "no margin is declared, so not to reject is no evidence: write 'at margin <number>'"
    if math.isinf(smallest):
        return f"at these sizes, or with so few relabellings, this test could never have seen {sized(effect, margin)}"
    told = f"could have missed {sized(effect, margin)} (sees {smallest:.3g})"
    return f"{told}; it takes {most} rows per side at most, so write 'at margin {_up(smallest)}'" if most else told


def _up(value: float) -> str:
    """Round up to two digits."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / step - 1e-9) * step:.2g}"


def _needed(result: Result, ratio: float, rate: float) -> int | None:
    """Say how many rows see the margin, unless the metric takes no more than it had."""
    needed = rows_needed(min(result.n_real, result.n_fake), ratio, rate)
    return needed if needed is not None and needed <= most_rows(result.metric) else None


def most_rows(metric: str) -> int:
    """Give the rows per side beyond which a metric works on some of them."""
    return METRICS.get(metric).most_rows
