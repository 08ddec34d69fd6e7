"""Memorised: samples are training rows, exactly or nearly."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import ALPHA, graded, number, percent, result_of, shown, significant


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when samples lie nearer to the training set than held-out rows do, and more of them are copies.

    Nearness alone is not enough: a sampler with shrunken modes is also nearer to everything.
    """
    copying = result_of(fake, "data_copying")
    if copying is None or not significant(copying):
        return None
    rate, usual = number(copying, "copy_rate"), number(copying, "copy_rate_real")
    if number(copying, "copy_p", 1.0) > ALPHA or rate <= usual:
        return None
    excess = rate - usual
    exact = int(number(copying, "exact_copies"))
    kind = "exact copies" if exact > 0.5 * rate * copying.n_fake else "near copies"
    return Diagnosis(
        code="memorised",
        severity=graded(excess, major=0.02, critical=0.2),
        sentence=(
            f"{percent(rate)} of the samples are {kind} of training rows "
            f"({percent(usual)} of held-out real rows come that close): the generator repeats what it was shown."
        ),
        evidence=(
            shown(copying, "chance that a sample lies nearer to the training set than a real row (0.5 is healthy)"),
            shown(copying, "share of samples that are copies", rate),
        ),
    )


DIAGNOSIS = DiagnosisSpec(
    name="memorised",
    summary="Samples are exact or near copies of training rows.",
    ask=ask,
    specificity=90,
    explains=frozenset({"duplicates", "modes_imbalanced", "modes_shrunken", "shifted", "low_fidelity"}),
)
