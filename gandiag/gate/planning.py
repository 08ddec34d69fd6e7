"""Planning: what each condition of a gate sees on the user's data, and how many rows it needs.

Real data are held against themselves at the rows asked about, or at as many as there are, and at a half and a quarter
of them. What a test sees is read at each size as the gate itself reads it, and continued by a power law: with the rate
fitted to the sizes, or by theory where the smallest effect is computed and not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gandiag.core.plan import Plan, Planned
from gandiag.core.protocols import Progress, Sampler
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS, GateTest
from gandiag.evaluate import evaluate
from gandiag.gate.baseline import Against
from gandiag.gate.bench import HALF_WIDTHS, POWER, Bench, Unjudged
from gandiag.gate.bounds import weigh_limit
from gandiag.gate.conditions import Condition, Limit, NoDiagnosis, NotWorse
from gandiag.gate.growth import Growth, grown
from gandiag.gate.planning_baseline import plan_not_worse, stand_ins
from gandiag.gate.policy import Policy
from gandiag.gate.running import DEFAULT_N, bench_of, settings_of
from gandiag.gate.significance import declared, seen_effect
from gandiag.gate.splitting import against_itself, most_per_side

_SHARES = (1.0, 0.5, 0.25)
_FEWEST = 40
# The whole null counts here, and not one p-value: no test stops before some thousand draws.
_ENOUGH = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Real data against themselves at several sizes, the largest first."""

    n: int
    benches: tuple[tuple[int, Bench], ...]
    against: tuple[tuple[int, Against], ...] = ()

    @property
    def most(self) -> int:
        """The largest size."""
        return self.benches[0][0]


def plan_gate(
    policy: Policy,
    real: Sampler,
    *,
    train: Sampler | None = None,
    wished: Mapping[str, float] | None = None,
    device: str | None = None,
    version: str,
    progress: Progress | None = None,
) -> Plan:
    """Say what a gate sees on these data.

    Parameters
    ----------
    policy : Policy
        With its conditions.
    real : Sampler
    train : Sampler, optional
    wished : mapping, optional
        Condition, as written, -> an effect to be seen.
    device : str, optional
    version : str
    progress : callable, optional
    """
    n = policy.n or DEFAULT_N
    benches = _measured(policy, real, train, n, device, progress)
    on_baseline = any(isinstance(condition, NotWorse) for condition in policy.require)
    sizes = tuple(rows for rows, _ in benches)
    against = stand_ins(policy, real, train, sizes, device) if on_baseline else ()
    measured = Measured(n=n, benches=benches, against=against)
    lines = tuple(
        _PLAN[type(condition)](condition, measured, (wished or {}).get(condition.text)) for condition in policy.require
    )
    return Plan(
        real=real.name,
        n=n,
        measured_up_to=measured.most,
        alpha=policy.alpha,
        level=measured.benches[0][1].level,
        power=POWER,
        lines=lines,
        notes=_notes(real, measured),
        seed=policy.seed,
        gandiag_version=version,
    )


def _measured(
    policy: Policy, real: Sampler, train: Sampler | None, n: int, device: str | None, progress: Progress | None
) -> tuple[tuple[int, Bench], ...]:
    most = most_per_side(real, n)
    sizes = [most] + [round(most * share) for share in _SHARES[1:] if most * share >= _FEWEST]
    benches = []
    for i, rows in enumerate(sizes):
        if progress is not None:
            progress(f"real against real, {rows} rows per side", i, len(sizes))
        at = replace(policy, n=rows)
        settings = replace(settings_of(at, with_train=train is not None, device=device), enough=_ENOUGH)
        sides = against_itself(real, rows, rng=stream(policy.seed, "plan", str(rows)))
        report = evaluate(sides[0], [("itself", sides[1])], train=train, settings=settings, version="").report
        benches.append((rows, bench_of(at, report, settings.permutations)))
    return tuple(benches)


def _notes(real: Sampler, measured: Measured) -> tuple[str, ...]:
    notes = [f"measured on real data against themselves with {', '.join(str(r) for r, _ in measured.benches)} rows"]
    if measured.most < measured.n:
        notes.append(
            f"{real.name} holds {real.size} rows, which give {measured.most} per side: what is marked ~, and every "
            "number of rows above that, is extrapolated"
        )
    notes.append("rows needed are read off a power law, to two digits")
    return tuple(notes)


def _plan_limit(condition: Limit, measured: Measured, wished: float | None) -> Planned:
    return (_plan_test if condition.is_test else _plan_bound)(condition, measured, wished)


def _plan_test(condition: Limit, measured: Measured, wished: float | None) -> Planned:
    test, margin = declared(condition)
    try:
        measured.benches[0][1].result(condition.metric)
        points = [
            (rows, seen_effect(bench.result(condition.metric), test, bench))
            for rows, bench in measured.benches
            if bench.fake[condition.metric].estimate is not None
        ]
    except Unjudged as why:
        return _blocked(condition, str(why), margin)
    line = Planned(condition=condition.text, kind="test", metric=condition.metric, effect=test.effect, margin=margin)
    return _seen(line, points, test, measured, wished)


def _seen(
    line: Planned, points: Sequence[tuple[int, float]], test: GateTest, measured: Measured, wished: float | None
) -> Planned:
    """Fill in what a test sees, and with how many rows it sees its margin."""
    most = METRICS.get(line.metric or "").most_rows
    law = grown(points, declared=test.rate, analytic=test.smallest is not None, most=most)
    if law is None:
        why = "with so few rows, or so few relabellings, this test could never reject at its level"
        return replace(line, wished=wished, why=why)
    smallest, margin = law.at(measured.n), line.margin
    needed = None if margin is None else law.rows_for(margin)
    return replace(
        line,
        smallest=smallest,
        can_pass=margin is not None and smallest <= margin,
        needed=needed,
        wished=wished,
        for_wished=None if wished is None else law.rows_for(wished),
        why=_limits_of(law, margin, wished, most, measured.n),
        **_law_of(law, measured),
    )


def _limits_of(law: Growth, margin: float | None, wished: float | None, most: int, n: int) -> str:
    """Say what more rows do not help with."""
    beyond = [
        f"no number of rows sees {word} of {size:g}"
        for word, size in (("its margin", margin), ("the wished effect", wished))
        if size is not None and law.rows_for(size) is None
    ]
    told = [] if margin is not None else ["without a margin it can fail but never pass: write 'at margin <number>'"]
    told += [f"it works on at most {most} rows per side"] if n > most or beyond else []
    return ", ".join((*told, *beyond))


def _law_of(law: Growth, measured: Measured) -> dict[str, Any]:
    last = law.points[-1][0]
    return {
        "measured": law.points,
        "rate": law.rate,
        "fitted": law.fitted,
        "extrapolated": min(measured.n, law.most) > last,
    }


def _plan_bound(condition: Limit, measured: Measured, wished: float | None) -> Planned:
    """Foresee a bound: how far it lies from its number, and from which true number on it lies within the limit."""
    points: list[tuple[int, float]] = []
    healthy = None
    try:
        for rows, bench in measured.benches:
            weighed = weigh_limit(condition, bench)
            far = weighed.high if weighed.high is not None else weighed.low
            if weighed.observed is not None and far is not None:
                points.append((rows, float(abs(far - weighed.observed))))
                healthy = float(weighed.observed) if healthy is None else healthy
    except Unjudged as why:
        return _blocked(condition, str(why), condition.limit)
    line = Planned(condition=condition.text, kind="bound", metric=condition.metric, margin=condition.limit)
    law = grown(points, declared=0.5, most=METRICS.get(condition.metric).most_rows)
    if law is None or healthy is None:
        return replace(line, why="it has no bound on this side, so it can fail but never pass", wished=wished)
    sign = 1.0 if condition.comparator in ("<=", "<") else -1.0
    width, limit = law.at(measured.n), float(condition.limit or 0.0)
    room = sign * (limit - healthy)
    return replace(
        line,
        smallest=width,
        can_pass=room >= HALF_WIDTHS * width,
        needed=law.rows_for(room / HALF_WIDTHS) if room > 0.0 else None,
        healthy=healthy,
        passes_from=limit - sign * HALF_WIDTHS * width,
        wished=wished,
        for_wished=None if wished is None else law.rows_for(wished),
        why="" if room > 0.0 else "real data against themselves lie beyond the limit",
        **_law_of(law, measured),
    )


def _plan_diagnosis(condition: NoDiagnosis, measured: Measured, wished: float | None) -> Planned:
    """Foresee the tests behind a condition on diagnoses, each at its share of the condition's level."""
    first = measured.benches[0][1]
    tested = [r.metric for r in first.fake.results if r.p_value is not None]
    parts = []
    for metric in tested:
        test = METRICS.get(metric).gate.get("p")
        if test is None or test.margin is None:
            continue
        points = [
            (rows, seen_effect(bench.fake[metric], test, bench.shared_by(len(tested))))
            for rows, bench in measured.benches
            if bench.fake[metric].estimate is not None
        ]
        line = Planned(condition=f"{metric}.p", kind="test", metric=metric, effect=test.effect, margin=test.margin)
        parts.append(_seen(line, points, test, measured, wished))
    blind = [part.metric or "" for part in parts if not part.can_pass]
    needs = [part.needed for part in parts]
    return Planned(
        condition=condition.text,
        kind="findings",
        can_pass=bool(parts) and not blind,
        needed=None if not needs or None in needs else max(need for need in needs if need is not None),
        parts=tuple(parts),
        why=f"tests that could miss their margin: {', '.join(blind)}" if blind else "every test sees its margin",
    )


def _plan_not_worse(condition: NotWorse, measured: Measured, wished: float | None) -> Planned:
    level = measured.benches[0][1].level
    return plan_not_worse(condition, measured.against, n=measured.n, level=level, wished=wished)


def _blocked(condition: Condition, why: str, margin: float | None) -> Planned:
    metric = getattr(condition, "metric", None)
    return Planned(condition=condition.text, kind="unknown", metric=metric, margin=margin, why=why)


_PLAN: Mapping[type, Callable[[Any, Measured, float | None], Planned]] = {
    Limit: _plan_limit,
    NoDiagnosis: _plan_diagnosis,
    NotWorse: _plan_not_worse,
}
