"""Number of different bins as a stream: counts in cells, with the permutation test of the counts."""

from __future__ import annotations

import numpy as np

from gandiag.core.checks import Matrix
from gandiag.core.results import KnownNull, Measurement
from gandiag.core.streams import Arrays, Frame, StreamSpec
from gandiag.numerics.contingency import chi_square_homogeneity, count_tails, holm_adjusted, two_proportion_scores
from gandiag.numerics.histograms import jensen_shannon_floor, jensen_shannon_shares
from gandiag.streaming._cells import CELLS, occupied, relabelled

_ALPHA = 0.05


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the share of cells that differ, from the merged counts."""
    from scipy.special import ndtri

    limit = float(ndtri(1.0 - _ALPHA / 2.0))
    real, fake = occupied(state)
    totals = (real + fake).astype(np.float64)

    def statistic(counted: Matrix, others: Matrix) -> Matrix:
        different = np.abs(two_proportion_scores(counted, totals)) > limit
        return np.stack([different.mean(axis=0), chi_square_homogeneity(counted, totals)])

    (share, chi_square), floor, p_value = relabelled(statistic, real, fake, rng)
    fewer, more = count_tails(fake, real, frame.m, frame.n)
    adjusted = holm_adjusted(np.concatenate([fewer, more])).reshape(2, -1)
    columns = real[:, None].astype(np.float64), fake[:, None].astype(np.float64)
    return Measurement(
        estimate=float(share),
        null=KnownNull(floor=floor, p_value=p_value),
        reasons={"e_value": "not a sequential test", "interval": "a count of rejected tests estimates no quantity"},
        details={
            "by": "clusters",
            "alpha": _ALPHA,
            "cells": len(real),
            "ndb": round(float(share) * len(real)),
            "chi_square": float(chi_square),
            "expected_per_cell": min(frame.n, frame.m) / len(real),
            "too_few": np.flatnonzero(adjusted[0] <= _ALPHA).tolist(),
            "too_many": np.flatnonzero(adjusted[1] <= _ALPHA).tolist(),
            "holm_p": float(adjusted.min()),
            "jsd": float(jensen_shannon_shares(*columns)[0]),
            "jsd_floor": jensen_shannon_floor(len(real), frame.n, frame.m),
        },
        arrays={"counts": np.stack([real, fake])},
    )


STREAM = StreamSpec(name="ndb", state=CELLS, finish=finish)
