"""Duplicates: the sampler repeats itself more often than real data do."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, Evidence, FakeReport, RealSource
from gandiag.core.results import Result
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import (
    ALPHA,
    estimate_of,
    graded,
    number,
    percent,
    result_of,
    shown,
    significant,
)

# Fewer distinct rows than this share of all samples: the sampler has collapsed onto a handful of points.
COLLAPSED = 0.02


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire on exact repeats, or on repeats that persist at a tenth of the distance of the closest real pairs.

    Pairs that are merely close are no evidence: dropped or shrunken modes crowd their samples too.
    """
    exact, near = result_of(fake, "collisions"), result_of(fake, "near_duplicates")
    share = estimate_of(exact) if exact is not None and significant(exact) else 0.0
    near_share = _persistent_share(near)
    if max(share, near_share) <= 0:
        return None
    worst = max(share, near_share)
    distinct = number(exact, "distinct_fake", fake.n) if exact is not None else fake.n
    rows = exact.n_fake if exact is not None else fake.n
    evidence: list[Evidence] = []
    if exact is not None and share > 0:
        evidence.append(shown(exact, "share of samples that repeat an earlier one exactly"))
        evidence.append(shown(exact, "distinct samples", distinct))
    if near is not None and near_share > 0:
        evidence.append(shown(near, "share of samples with a near twin", near_share))
    return Diagnosis(
        code="duplicates",
        severity=graded(worst, major=0.01, critical=0.1),
        sentence=_sentence(share, near_share, int(distinct), rows),
        evidence=tuple(evidence),
    )


def _persistent_share(near: Result | None) -> float:
    if near is None or not significant(near) or number(near, "persistent_p", 1.0) > ALPHA:
        return 0.0
    return number(near, "persistent_rows_fake") / max(near.n_fake, 1)


def _sentence(share: float, near_share: float, distinct: int, rows: int) -> str:
    if distinct <= COLLAPSED * rows:
        return f"Collapsed: only {distinct} distinct sample{'s' if distinct > 1 else ''} among {rows}."
    if share > 0:
        return (
            f"{percent(share)} of the samples repeat another sample exactly; real data of this size do so less often."
        )
    return f"{percent(near_share)} of the samples have a near twin, far closer than any two real rows come."


DIAGNOSIS = DiagnosisSpec(
    name="duplicates",
    summary="The sampler repeats itself: exact or near duplicates, up to collapse onto one point.",
    ask=ask,
    specificity=80,
    explains=frozenset({"modes_imbalanced", "modes_shrunken", "shifted", "low_fidelity"}),
)
