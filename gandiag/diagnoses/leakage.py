"""Leakage: the sampler returns the held-out rows that it is judged against."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import estimate_of, graded, percent, result_of, shown, significant


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when more fake rows equal held-out real rows than rows set aside do."""
    overlap = result_of(fake, "overlap")
    if overlap is None or not significant(overlap):
        return None
    share = estimate_of(overlap)
    return Diagnosis(
        code="leakage",
        severity=graded(share, major=0.001, critical=0.01),
        sentence=(
            f"{percent(share)} of the samples are rows of the held-out real data, digit for digit: "
            "the test data leaked into the generator, or both sides were read from one file."
        ),
        evidence=(shown(overlap, "share of samples that equal a held-out real row"),),
    )


DIAGNOSIS = DiagnosisSpec(
    name="leakage",
    summary="Samples are rows of the held-out data: the split leaked, or both sides are one file.",
    ask=ask,
    specificity=100,
    explains=frozenset({"duplicates", "modes_imbalanced", "modes_shrunken", "shifted", "low_fidelity", "memorised"}),
)
