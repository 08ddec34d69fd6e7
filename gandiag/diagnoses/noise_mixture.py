"""Noise mixture: some samples are data, the rest is structureless noise."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import estimate_of, graded, number, percent, result_of, shown, significant

# Off-support samples at least this far from the data, as a share of the distance of pure noise, are noise.
AS_FAR_AS_NOISE = 0.6
# Noise fills the space; a generator that clumps somewhere beside the data does not.
AS_WIDE_AS_DATA = 0.5
# Noise added to data leaves the other samples as near as real rows; widened modes thin out everywhere.
AS_NEAR_AS_DATA = 0.4
MOSTLY_NOISE = 0.6
# Realigning location and scale would bring shifted samples back; noise stays out.
STAYS_OUT = 0.5


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when samples lie where no data are, as far out as pure noise, and realigning does not bring them back."""
    off = result_of(fake, "off_support")
    if off is None or not significant(off):
        return None
    usual = number(off, "share_real")
    # Of the samples that are data, as many as of real rows lie beyond: the rest of those beyond are noise.
    excess = max(0.0, (number(off, "share_fake") - usual) / max(1.0 - usual, 1e-9))
    out_still = number(off, "aligned_share") >= STAYS_OUT * estimate_of(off)
    structureless = number(off, "off_spread_ratio") >= AS_WIDE_AS_DATA
    widened = number(off, "near_closeness", 0.5) < AS_NEAR_AS_DATA and excess < MOSTLY_NOISE
    if widened or excess <= 0 or number(off, "noise_ratio") < AS_FAR_AS_NOISE or not out_still or not structureless:
        return None
    rest = "" if excess > 0.995 else f", while the other {percent(1 - excess)} could be data"
    return Diagnosis(
        code="noise_mixture",
        severity=graded(excess, major=0.02, critical=0.2),
        sentence=(
            f"About {percent(excess)} of the samples are noise: they lie as far from the data as random values do"
            f"{rest}."
        ),
        evidence=(
            shown(off, "share of samples off the support of the data"),
            shown(off, "their distance from the data, as a share of that of pure noise", number(off, "noise_ratio")),
        ),
    )


DIAGNOSIS = DiagnosisSpec(
    name="noise_mixture",
    summary="A share of the samples is structureless noise; the rest looks like data.",
    ask=ask,
    specificity=70,
    explains=frozenset({"modes_imbalanced", "modes_shrunken", "shifted", "low_fidelity", "out_of_range"}),
)
