"""Conditions on diagnoses: no finding graver than what is allowed, at a level that the gate sets.

Findings rest on p-values that are adjusted over the report's panel. The p-value of "no such finding" is the smallest
level of that panel at which one appears; under equal laws it is at most a with a chance of at most a, since every
finding needs a p-value that is significant after Holm's rule.
"""

from __future__ import annotations

from dataclasses import replace

from gandiag.core.report import SEVERITIES, Diagnosis, FakeReport
from gandiag.core.results import Result
from gandiag.core.specs import METRICS
from gandiag.findings import LEVEL, UNDETERMINED, diagnose
from gandiag.gate.bench import INTERNAL, Bench, Unjudged, Weighed
from gandiag.gate.conditions import NoDiagnosis
from gandiag.gate.significance import seen_effect


def weigh_diagnosis(condition: NoDiagnosis, bench: Bench) -> Weighed:
    """Weigh "no diagnosis above a severity".

    Raises
    ------
    Unjudged
        When nothing could be diagnosed.
    """
    found = diagnose(bench.fake, bench.real, permutations=bench.permutations)
    if any(d.code == UNDETERMINED for d in found) and not _grave(found, condition):
        raise Unjudged(found[0].sentence, INTERNAL)
    p, worst = _first_level(condition, bench)
    blind = _unseen(bench.shared_by(sum(r.p_value is not None for r in bench.fake.results)))
    return Weighed(
        condition=condition,
        p_value=p,
        seen=f"{worst.code} ({worst.severity}): {worst.sentence}" if worst is not None else "no graver finding",
        by=None if blind or worst is not None else "power",
        holds="every test with a margin would have seen it",
        open=f"tests that could have missed their margin: {', '.join(blind)}" if blind else "not at the gate's level",
    )


def _grave(found: tuple[Diagnosis, ...], condition: NoDiagnosis) -> list[Diagnosis]:
    return [d for d in found if SEVERITIES.index(d.severity) > SEVERITIES.index(condition.above)]


def _first_level(condition: NoDiagnosis, bench: Bench) -> tuple[float, Diagnosis | None]:
    """Find the smallest level at which a finding is graver than allowed, and that finding."""
    adjusted = {r.p_value.adjusted for r in bench.fake.results if r.p_value is not None}
    for level in sorted(a for a in adjusted if a is not None and a <= LEVEL):
        grave = _grave(diagnose(_at_level(bench.fake, level), bench.real), condition)
        if grave:
            return level, grave[0]
    return 1.0, None


def _at_level(fake: FakeReport, level: float) -> FakeReport:
    """Scale adjusted p-values so that what is significant at ``level`` is so at the level of diagnoses."""
    return replace(fake, results=tuple(_scaled(result, LEVEL / level) for result in fake.results))


def _scaled(result: Result, factor: float) -> Result:
    p = result.p_value
    if p is None or p.adjusted is None:
        return result
    # Rounding must not push the very value that sets the level beyond it.
    return replace(result, p_value=replace(p, adjusted=min(1.0, p.adjusted * factor * (1.0 - 1e-12))))


def _unseen(bench: Bench) -> list[str]:
    """Name the tests that could have missed the effect that they are run for, at the panel's share of the level."""
    blind = []
    for result in bench.fake.results:
        test = METRICS.get(result.metric).gate.get("p")
        if test is None or test.margin is None:
            continue
        if result.estimate is None or seen_effect(result, test, bench) > test.margin:
            blind.append(result.metric)
    return blind
