"""Mode coverage as a stream: counts by mode, with the permutation test of the counts and an exact test of each mode."""

from __future__ import annotations

import numpy as np

from gandiag.core.checks import Matrix
from gandiag.core.results import KnownNull, Measurement
from gandiag.core.streams import Arrays, Frame, StreamSpec
from gandiag.metrics._mode_tables import confusion, judged, quality
from gandiag.metrics.mode_coverage import REASONS
from gandiag.numerics.contingency import chi_square_homogeneity, covered_shares
from gandiag.streaming._cells import relabelled
from gandiag.streaming._mode_counts import MODE_COUNTS, model_of, table_of


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the share of covered modes, from the merged counts."""
    model, table = model_of(fixed), table_of(state)
    details, why = quality(model, table), table.too_few()
    if why:
        return Measurement(
            estimate=None, status="undefined", details=details, reasons=REASONS | {"estimate": why, "p_value": why}
        )
    details |= judged(model, table, labelled=bool(fixed["labelled"]))
    totals = (table.real + table.fake).astype(np.float64)

    def statistic(counts: Matrix, others: Matrix) -> Matrix:
        return np.stack([covered_shares(counts, totals), chi_square_homogeneity(counts, totals)])

    (share, _), floor, p_value = relabelled(statistic, table.real, table.fake, rng)
    warnings = confusion(details)
    return Measurement(
        estimate=float(share),
        null=KnownNull(floor=floor, p_value=p_value),
        status="degraded" if warnings else "ok",
        warnings=warnings,
        reasons=REASONS,
        details=details,
        arrays={"counts": np.stack([table.real, table.fake]), "share_bounds": table.share_bounds()},
    )


STREAM = StreamSpec(
    name="mode_coverage",
    state=MODE_COUNTS,
    finish=finish,
    differs="modes that are not known come from another random split of the rows set aside",
)
