"""From results to findings: ask every diagnosis, let the most specific explanation lead, gravest first.

A finding that another one accounts for stands under it: a memoriser also repeats rows, dropped modes also move the
mean. A sampler is `ok` only when tests were run and none of them objects; what could not be tested is never `ok`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from gandiag.core.report import SEVERITIES, Diagnosis, Evidence, FakeReport, RealSource
from gandiag.core.results import Result
from gandiag.core.specs import DIAGNOSES, DiagnosisSpec
from gandiag.diagnoses._reading import ALPHA

UNEXPLAINED, UNDETERMINED = "differs", "undetermined"
# Of the panel as a whole: a sampler with nothing wrong gets a finding in at most this share of reports.
LEVEL = ALPHA

# Tests of the whole distribution: without one of them "ok" would be an empty word.
_NEEDED = ("mmd", "energy", "c2st", "sliced_wasserstein", "moment_difference")


def diagnose(fake: FakeReport, real: RealSource, *, permutations: int = 0) -> tuple[Diagnosis, ...]:
    """Find what is wrong with one sampler.

    Parameters
    ----------
    fake : FakeReport
        Its results, with adjusted p-values; diagnoses empty.
    real : RealSource
    permutations : int
        Most relabellings that a test was given; those that stopped early tell fewer.

    Returns
    -------
    tuple of Diagnosis
        At least one; gravest first, then the most specific. ``ok`` stands alone.
    """
    specs = sorted(DIAGNOSES, key=lambda spec: -spec.specificity)
    found = [(spec, answer) for spec in specs if (answer := spec.ask(fake, real)) is not None]
    # "Differs, for no known cause" is said only where no cause is known.
    named = [(spec, answer) for spec, answer in found if spec.name != UNEXPLAINED]
    if found and not named:
        named = _attributed(specs, fake, real)
    led = _nested(named or found)
    if not led:
        return (_nothing_found(fake, permutations),)
    order = {spec.name: i for i, spec in enumerate(specs)}
    return tuple(sorted(led, key=lambda d: (-SEVERITIES.index(d.severity), order[d.code])))


def _attributed(
    specs: list[DiagnosisSpec], fake: FakeReport, real: RealSource
) -> list[tuple[DiagnosisSpec, Diagnosis]]:
    """Seek a named cause once a difference is established.

    The panel has rejected after adjustment, so that this sampler differs is settled; which cause it has is then read
    from unadjusted p-values. That a healthy sampler is accused is no more likely for it.
    """
    plain = []
    for result in fake.results:
        p = result.p_value
        plain.append(result if p is None else replace(result, p_value=replace(p, adjusted=p.value)))
    bare = replace(fake, results=tuple(plain))
    asked = [spec for spec in specs if spec.name != UNEXPLAINED]
    return [(spec, answer) for spec in asked if (answer := spec.ask(bare, real)) is not None]


def _nested(found: list[tuple[DiagnosisSpec, Diagnosis]]) -> list[Diagnosis]:
    """Put each finding under the first, more specific one that explains it and is as grave.

    A slight cause does not account for a grave effect.
    """
    leaders: list[tuple[DiagnosisSpec, Diagnosis]] = []
    for spec, answer in found:
        for i, (leader, lead) in enumerate(leaders):
            grave_enough = SEVERITIES.index(answer.severity) <= SEVERITIES.index(lead.severity)
            if spec.name in leader.explains and grave_enough:
                leaders[i] = (leader, replace(lead, explains=(*lead.explains, answer)))
                break
        else:
            leaders.append((spec, answer))
    return [answer for _, answer in leaders]


def _nothing_found(fake: FakeReport, permutations: int) -> Diagnosis:
    tested = [r for r in fake.results if r.p_value is not None]
    why = _why_undetermined(fake, len(tested), permutations)
    if why:
        return Diagnosis(
            code=UNDETERMINED,
            severity="major",
            sentence=f"No verdict: {why}, so nothing speaks for or against this sampler.",
        )
    smallest = min(tested, key=lambda r: r.p_value.value if r.p_value is not None else 1.0)
    p = smallest.p_value
    return Diagnosis(
        code="ok",
        severity="none",
        sentence=(f"None of {len(tested)} tests tells these samples from real ones at these sizes ({fake.n} samples)."),
        evidence=(
            Evidence(
                metric=smallest.metric,
                says="the smallest adjusted p-value of all tests",
                value=None if p is None else p.adjusted,
            ),
        ),
    )


def _why_undetermined(fake: FakeReport, tests: int, permutations: int) -> str:
    failed = [r.metric for r in fake.results if r.status == "failed"]
    if failed:
        return f"{', '.join(failed)} failed"
    needed = [r for r in fake.results if r.metric in _NEEDED and r.p_value is not None]
    if not needed:
        return "no test of the whole distribution gave a p-value"
    if tests * min(_smallest_p(r, permutations) for r in needed) > ALPHA:
        return (
            f"no p-value can fall to {ALPHA:g} after adjustment for {tests} tests with so few rows or permutations "
            f"(at least {round(tests / ALPHA)} permutations are needed)"
        )
    return ""


def _smallest_p(result: Result, permutations: int) -> float:
    """Say how small the p-value of a test could have become."""
    p = result.p_value
    if p is None:
        return 1.0
    if p.draws is None:  # a held-out half, by an exact law
        n, m = result.n_real // 2, result.n_fake // 2
        return 1.0 / math.comb(n + m, n)
    return 1.0 / p.draws if p.calibration.startswith("exact") else 1.0 / (1 + max(p.draws, permutations))
