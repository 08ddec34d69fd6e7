"""Low fidelity: samples fall beside the data, without being noise."""

from __future__ import annotations

import math

from gandiag.core.report import SEVERITIES, Diagnosis, Evidence, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import estimate_of, graded, number, percent, result_of, shown, significant

# Wider by this share is major. Never critical by itself: a little noise around the modes widens them much.
WIDE = 0.5


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when precision is below its floor, or samples lie off the support, or modes are widened."""
    off, precision = result_of(fake, "off_support"), result_of(fake, "precision")
    spread = result_of(fake, "mode_spread")
    evidence: list[Evidence] = []
    beside = wider = 0.0
    if off is not None and significant(off) and (off.excess or 0.0) > 0:
        evidence.append(shown(off, "share of samples off the support of the data"))
        beside = max(beside, number(off, "share_fake") - number(off, "share_real"))
    if precision is not None and significant(precision) and (precision.excess or 0.0) < 0:
        evidence.append(shown(precision, "share of samples within the data's neighbourhoods"))
        beside = max(beside, -(precision.excess or 0.0))
    if spread is not None and significant(spread) and estimate_of(spread) > 1.05:
        evidence.append(shown(spread, "within-mode spread relative to real (1 is healthy)"))
        wider = estimate_of(spread) - 1.0
    if not evidence:
        return None
    said = [f"{percent(beside)} more of them than of real rows fall beside the data"] if beside > 0 else []
    said += [f"they spread {percent(wider)} wider than real rows do"] if wider > 0 else []
    return Diagnosis(
        code="low_fidelity",
        severity=max(
            graded(beside, major=0.05, critical=0.3),
            graded(wider, major=WIDE, critical=math.inf),
            key=SEVERITIES.index,
        ),
        sentence=f"Samples are less exact than data: {' and '.join(said)} (blur, artefacts, noise).",
        evidence=tuple(evidence),
    )


DIAGNOSIS = DiagnosisSpec(
    name="low_fidelity",
    summary="Samples fall beside the data: blur, artefacts, coarse values, slight noise.",
    ask=ask,
    specificity=30,
    explains=frozenset(),
)
