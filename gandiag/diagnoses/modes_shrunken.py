"""Modes shrunken: each part of the data is produced, with too little variety inside."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import (
    comes_back,
    estimate_of,
    graded,
    has_mere_cells,
    is_moved,
    percent,
    result_of,
    shown,
    significant,
)

# A spread within 5 % of the real one is no finding, however many samples prove it.
WORTH_SAYING = 0.95


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when samples lie closer to their mode centres than real rows do.

    Where the law has no separate modes and the samples left it as a whole, what is near enough to be compared is but a
    slice of them: it is narrow for being cut.
    """
    spread = result_of(fake, "mode_spread")
    if spread is None or not significant(spread) or estimate_of(spread) >= WORTH_SAYING:
        return None
    if has_mere_cells(spread) and is_moved(fake) and comes_back(fake):
        return None
    ratio = estimate_of(spread)
    return Diagnosis(
        code="modes_shrunken",
        severity=graded(1.0 - ratio, major=0.1, critical=0.25),
        sentence=(
            f"Variety within modes is only {percent(ratio)} of that of real data: "
            "samples crowd around the typical case."
        ),
        evidence=(shown(spread, "within-mode spread relative to real (1 is healthy)"),),
    )


DIAGNOSIS = DiagnosisSpec(
    name="modes_shrunken",
    summary="Samples of each mode are too much alike: the spread within modes is too small.",
    ask=ask,
    specificity=60,
    explains=frozenset({"modes_imbalanced", "shifted", "low_fidelity"}),
)
