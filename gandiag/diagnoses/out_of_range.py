"""Out of range: samples hold values that real data cannot take."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import estimate_of, graded, percent, result_of, shown, significant


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when rows leave the declared range."""
    violations = result_of(fake, "range_violations")
    if violations is None or not significant(violations):
        return None
    share = estimate_of(violations)
    return Diagnosis(
        code="out_of_range",
        severity=graded(share, major=0.01, critical=0.5),
        sentence=(
            f"{percent(share)} of the samples hold values outside the range of the data: "
            "look for a missing output activation, or for samples in other units."
        ),
        evidence=(shown(violations, "share of samples with a value out of range"),),
    )


DIAGNOSIS = DiagnosisSpec(
    name="out_of_range",
    summary="Samples hold values that real data cannot take.",
    ask=ask,
    specificity=45,
    explains=frozenset({"low_fidelity"}),
)
