"""Modes imbalanced: every part of the data is produced, but in the wrong proportions."""

from __future__ import annotations

from typing import Any

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import (
    graded,
    has_mere_cells,
    is_moved,
    kind_of,
    listed,
    names,
    percent,
    result_of,
    shown,
    significant,
)


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when mode shares differ by exact per-mode tests; where no single mode stands out, by their chi-square.

    The shares of mere cells follow from any shift, which is then the cause to name.
    """
    modes = result_of(fake, "mode_coverage")
    if modes is None or not significant(modes) or (has_mere_cells(modes) and is_moved(fake)):
        return None
    rows: list[dict[str, Any]] = names(modes, "modes")
    n, m = sum(r["real"] for r in rows), sum(r["fake"] for r in rows)
    if not n or not m:
        return None
    moved = sum(abs(r["fake"] / m - r["real"] / n) for r in rows) / 2.0
    uneven = names(modes, "imbalanced")
    which = f": most of all {listed(uneven)}" if uneven else ""
    return Diagnosis(
        code="modes_imbalanced",
        severity=graded(moved, major=0.1, critical=0.4),
        sentence=(
            f"The {kind_of(modes)} come in the wrong proportions{which}; "
            f"{percent(moved)} of the samples would have to change place."
        ),
        evidence=(shown(modes, "total variation between the mode shares", moved),),
    )


DIAGNOSIS = DiagnosisSpec(
    name="modes_imbalanced",
    summary="All parts of the data are produced, but in the wrong proportions.",
    ask=ask,
    specificity=50,
    explains=frozenset({"low_fidelity"}),
)
