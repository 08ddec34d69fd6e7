"""Moment difference as a stream: the distance of the means, with a test of the means."""

from __future__ import annotations

import numpy as np

from gandiag.core.results import KnownNull, Measurement
from gandiag.core.streams import Arrays, Frame, StreamSpec
from gandiag.streaming._moments import MOMENTS, drawn_null, gap_under_null, moments_of


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the distance of the merged means; its null is the limit for many rows."""
    real, fake = moments_of(state, "real"), moments_of(state, "fake")
    distance = float(np.linalg.norm(real.mean - fake.mean))
    reasons = {
        "e_value": "not a sequential test",
        "interval": "a norm is degenerate where both means are equal: no interval holds its level there",
    }
    if not frame.n:
        unknown = "the reference does not say of how many rows its mean is"
        return Measurement(estimate=distance, reasons=reasons | {"floor": unknown, "p_value": unknown})
    draws = np.sqrt(gap_under_null(real.merge(fake).finalise()[1], frame.n, frame.m, rng=rng))
    floor, p_value = drawn_null(draws, distance)
    return Measurement(estimate=distance, null=KnownNull(floor=floor, p_value=p_value), reasons=reasons)


STREAM = StreamSpec(
    name="moment_difference",
    state=MOMENTS,
    finish=finish,
    differs="the test looks at the means alone, and is asymptotic",
)
