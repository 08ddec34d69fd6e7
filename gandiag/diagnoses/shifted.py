"""Shifted: the samples as a whole have moved, or are scaled."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import graded, number, percent, result_of, shown, significant

# Share of the moment difference that the mean must carry for the word "shifted".
MOSTLY_MEAN = 0.5


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when the means differ, or when realigning location and scale brings off-support samples back."""
    moments, off = result_of(fake, "moment_difference"), result_of(fake, "off_support")
    if moments is None or not significant(moments):
        return None
    shift, scale = number(moments, "mean_shift_sd"), number(moments, "scale_ratio", 1.0)
    returns = False
    if off is not None and significant(off):
        returns = number(off, "aligned_share") < 0.5 * number(off, "share_fake")
    if number(moments, "mean_share") < MOSTLY_MEAN and not returns:
        return None
    how = f"moved by {shift:.2g} standard deviations per value" if shift >= 0.05 else "moved"
    stretched = f" and scaled by {scale:.2f}" if abs(scale - 1.0) > 0.1 else ""
    evidence = [shown(moments, "shift of the mean, in standard deviations per value", shift)]
    tail = ""
    if off is not None and returns:
        evidence.append(shown(off, "off-support share once realigned", number(off, "aligned_share")))
        tail = f" Moving them back would return {percent(number(off, 'share_fake') - number(off, 'aligned_share'))}."
    return Diagnosis(
        code="shifted",
        severity=graded(max(shift, abs(scale - 1.0)), major=0.15, critical=0.5),
        sentence=f"The samples as a whole have {how}{stretched} against the real data.{tail}",
        evidence=tuple(evidence),
    )


DIAGNOSIS = DiagnosisSpec(
    name="shifted",
    summary="The samples as a whole are displaced or scaled.",
    ask=ask,
    specificity=40,
    explains=frozenset({"low_fidelity"}),
)
