"""Plug-in Jensen-Shannon divergence as a stream: counts in cells, with the permutation test of the counts."""

from __future__ import annotations

import math

import numpy as np

from gandiag.core.checks import Matrix
from gandiag.core.results import KnownNull, Measurement
from gandiag.core.streams import Arrays, Frame, StreamSpec
from gandiag.numerics.histograms import (
    g_statistic,
    jensen_shannon_floor,
    jensen_shannon_shares,
    total_variation_shares,
)
from gandiag.streaming._cells import CELLS, occupied, relabelled


def _statistic(real: Matrix, fake: Matrix) -> Matrix:
    return jensen_shannon_shares(real, fake)[None, :]


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the divergence of the merged counts."""
    from scipy.special import gammaincc

    real, fake = occupied(state)
    observed, floor, p_value = relabelled(_statistic, real, fake, rng)
    estimate, cells = float(observed[0]), len(real)
    columns = real[:, None].astype(np.float64), fake[:, None].astype(np.float64)
    g, bias = float(g_statistic(*columns)[0]), jensen_shannon_floor(cells, frame.n, frame.m)
    return Measurement(
        estimate=estimate,
        null=KnownNull(floor=floor, p_value=p_value),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the plug-in is biased upwards and degenerate where both laws are equal",
        },
        details={
            "by": "clusters",
            "cells": cells,
            "bias": bias,
            "corrected": max(0.0, estimate - bias),
            "bits": estimate / math.log(2.0),
            "js_distance": math.sqrt(estimate),
            "total_variation": float(total_variation_shares(*columns)[0]),
            "g": g,
            "g_p": float(gammaincc((cells - 1) / 2.0, g / 2.0)) if cells > 1 else 1.0,
            "expected_per_cell": min(frame.n, frame.m) / cells,
            "only_real": int((fake == 0).sum()),
            "only_fake": int((real == 0).sum()),
        },
        arrays={"counts": np.stack([real, fake])},
    )


STREAM = StreamSpec(name="plugin_jsd", state=CELLS, finish=finish)
