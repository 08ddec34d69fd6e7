"""Modes missing: parts of the data that the sampler does not produce."""

from __future__ import annotations

from gandiag.core.report import Diagnosis, FakeReport, RealSource
from gandiag.core.results import Result
from gandiag.core.specs import DiagnosisSpec
from gandiag.diagnoses._reading import (
    comes_back,
    graded,
    has_mere_cells,
    is_moved,
    kind_of,
    listed,
    names,
    number,
    percent,
    result_of,
    shown,
    significant,
)


def ask(fake: FakeReport, real: RealSource) -> Diagnosis | None:
    """Fire when exact per-mode tests find modes that hold under a tenth of their real share.

    Mere cells also run empty when the samples as a whole leave them: that is no mode collapse.
    """
    modes = result_of(fake, "mode_coverage")
    if modes is None or not significant(modes) or not names(modes, "missing"):
        return None
    if has_mere_cells(modes) and is_moved(fake) and comes_back(fake):
        return None
    missing, total = names(modes, "missing"), int(number(modes, "n_modes"))
    lost = missing_share(modes)
    return Diagnosis(
        code="modes_missing",
        severity=graded(lost, major=0.01, critical=0.05),
        sentence=(
            f"{len(missing)} of {total} {kind_of(modes)} {'is' if len(missing) == 1 else 'are'} missing: "
            f"{listed(missing)}, with {percent(lost)} of the real data."
        ),
        evidence=(
            shown(modes, "share of modes covered"),
            shown(modes, "share of the real data in missing modes", lost),
        ),
    )


def missing_share(modes: Result) -> float:
    """Add up the real shares of the missing modes."""
    rows = names(modes, "modes")
    real = sum(row["real"] for row in rows)
    return sum(row["real"] for row in rows if row["missing"]) / real if real else 0.0


DIAGNOSIS = DiagnosisSpec(
    name="modes_missing",
    summary="Parts of the data are never produced: mode collapse.",
    ask=ask,
    specificity=75,
    explains=frozenset({"modes_imbalanced", "modes_shrunken", "shifted", "low_fidelity"}),
)
