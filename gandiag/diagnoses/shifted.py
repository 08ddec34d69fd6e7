"""Shifted: the samples as a whole have moved, or are scaled."""

from __future__ import annotations

from gandiag.core.report import SEVERITIES, Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import ALPHA, comes_back, graded, is_moved, number, percent, result_of, shown

# A spread that differs by less is not called scaling.
SCALED = 0.1


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when the means differ, or when realigning location and scale brings off-support samples back."""
    moments, off = result_of(fake, "moment_difference"), result_of(fake, "off_support")
    if moments is None or not is_moved(fake):
        return None
    shift, scale = number(moments, "mean_shift_sd"), number(moments, "scale_ratio", 1.0)
    moved = [f"displaced by {shift:.2g} standard deviations per value"] if number(moments, "mean_p") <= ALPHA else []
    scaled = [f"scaled by {scale:.2f}"] if abs(scale - 1.0) > SCALED else []
    how = " and ".join(moved + scaled) or "displaced"
    evidence = [shown(moments, "shift of the mean, in standard deviations per value", shift)]
    tail, back = "", 0.0
    if off is not None and comes_back(fake):
        evidence.append(shown(off, "off-support share once realigned", number(off, "aligned_share")))
        back = number(off, "share_fake") - number(off, "aligned_share")
        tail = f" Moving them back would return {percent(back)} of them to the data."
    return Diagnosis(
        code="shifted",
        severity=max(
            graded(max(shift, abs(scale - 1.0)), major=0.15, critical=0.5),
            graded(back, major=0.05, critical=0.3),
            key=SEVERITIES.index,
        ),
        sentence=f"The samples as a whole are {how} against the real data.{tail}",
        evidence=tuple(evidence),
    )


DIAGNOSIS = DiagnosisSpec(
    name="shifted",
    summary="The samples as a whole are displaced or scaled.",
    ask=ask,
    specificity=55,
    explains=frozenset({"modes_imbalanced", "low_fidelity"}),
)
