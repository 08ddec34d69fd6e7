"""The decision: every condition weighed, the error budget spent by Holm's rule, one outcome.

A condition fails when its adjusted p-value is at most alpha: a sampler that holds all conditions then fails in at most
a share alpha of runs, however the tests depend on each other. It passes on evidence alone, is inconclusive without,
and is an error when it could not be judged: that is never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gandiag.core.verdict import Judgement, Outcome
from gandiag.gate.bench import ROUNDING, Bench, Unjudged, Weighed
from gandiag.gate.bounds import weigh_limit
from gandiag.gate.conditions import Condition, Limit, NoDiagnosis, NotWorse
from gandiag.gate.findings import weigh_diagnosis
from gandiag.gate.regression import weigh_not_worse
from gandiag.gate.significance import weigh_test
from gandiag.inference.multiplicity import holm


def _weigh_limit_or_test(condition: Limit, bench: Bench) -> Weighed:
    return (weigh_test if condition.is_test else weigh_limit)(condition, bench)


_WEIGH: Mapping[type, Callable[[Any, Bench], Weighed]] = {
    Limit: _weigh_limit_or_test,
    NotWorse: weigh_not_worse,
    NoDiagnosis: weigh_diagnosis,
}


def judge(conditions: tuple[Condition, ...], bench: Bench) -> tuple[Judgement, ...]:
    """Judge all conditions of a gate together.

    Parameters
    ----------
    conditions : tuple of Condition
    bench : Bench

    Returns
    -------
    tuple of Judgement
        In the order of the conditions.
    """
    weighed = [_weighed(condition, bench) for condition in conditions]
    # What could not be judged keeps its share of alpha: it was to be spent whatever came out.
    adjusted = holm([w.p_value if isinstance(w, Weighed) else 1.0 for w in weighed])
    return tuple(_judgement(c, w, a, bench) for c, w, a in zip(conditions, weighed, adjusted, strict=True))


def _weighed(condition: Condition, bench: Bench) -> Weighed | Unjudged:
    try:
        return _WEIGH[type(condition)](condition, bench)
    except Unjudged as why:
        return why


def _judgement(condition: Condition, weighed: Weighed | Unjudged, adjusted: float, bench: Bench) -> Judgement:
    if isinstance(weighed, Unjudged):
        metric = getattr(condition, "metric", None)
        return Judgement(condition=condition.text, outcome="error", says=str(weighed), metric=metric, code=weighed.code)
    outcome: Outcome = (
        "fail" if adjusted <= bench.alpha * (1.0 + ROUNDING) else "pass" if weighed.by else "inconclusive"
    )
    ends = {
        "fail": f"adjusted p = {adjusted:.3g}, at most alpha = {bench.alpha:g}",
        "pass": weighed.holds,
        "inconclusive": weighed.open
        + (f"; about {weighed.needed} rows per side would decide" if weighed.needed else ""),
    }
    return Judgement(
        condition=condition.text,
        outcome=outcome,
        says=f"{weighed.seen}; {ends[outcome]}",
        by=weighed.by if outcome == "pass" else None,
        metric=getattr(condition, "metric", None),
        observed=weighed.observed,
        limit=weighed.limit,
        low=weighed.low,
        high=weighed.high,
        p_value=weighed.p_value,
        adjusted=adjusted,
        margin=weighed.margin,
        smallest=weighed.smallest,
        effect=weighed.effect,
        needed=weighed.needed if outcome == "inconclusive" else None,
    )


def overall(judgements: tuple[Judgement, ...]) -> Outcome:
    """Bring the judgements together: evidence of a fault outweighs what could not be measured.

    Examples
    --------
    >>> overall(())
    'inconclusive'
    """
    outcomes = {judgement.outcome for judgement in judgements} or {"inconclusive"}
    order: tuple[Outcome, ...] = ("fail", "error", "inconclusive", "pass")
    return next(outcome for outcome in order if outcome in outcomes)
