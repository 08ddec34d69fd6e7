"""Differs: a test objects, and no named cause explains it."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import graded, listed, names, percent, result_of, shown, significant


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire on any significant result, so that no rejection goes unsaid."""
    rejecting = [r for r in fake.results if significant(r)]
    if not rejecting:
        return None
    c2st = result_of(fake, "c2st")
    advantage = 0.0 if c2st is None else c2st.estimate or 0.0
    told = f"; the best critic is right {percent(0.5 + advantage / 2)} of the time" if c2st is not None else ""
    telling = [] if c2st is None else [row["column"] for row in names(c2st, "gave_it_away") if row.get("above_noise")]
    told += f", most of all by value {listed(telling)} of each sample" if telling else ""
    told_by = ", ".join(r.metric for r in rejecting[:4]) + (" and others" if len(rejecting) > 4 else "")
    return Diagnosis(
        code="differs",
        severity=graded(max(advantage, 0.0), major=0.1, critical=0.5),
        sentence=f"The samples differ from real data ({told_by}){told}, and no cause known by name explains it.",
        evidence=tuple(shown(r, "adjusted p-value", _adjusted(r)) for r in rejecting[:4]),
    )


def _adjusted(result: object) -> float:
    p = getattr(result, "p_value", None)
    value = getattr(p, "adjusted", None)
    return 1.0 if value is None else float(value)


DIAGNOSIS = DiagnosisSpec(
    name="differs",
    summary="A test tells both apart, and no named cause explains it.",
    ask=ask,
    specificity=10,
    explains=frozenset(),
)
