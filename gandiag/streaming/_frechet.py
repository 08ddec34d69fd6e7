"""The Fréchet distance from merged moments, with its closed-form floor."""

from __future__ import annotations

import numpy as np

from gandiag.core.results import Floor, KnownNull, Measurement
from gandiag.core.streams import Arrays, Frame
from gandiag.numerics.frechet_distance import distance_of_covariances, gaussian_floor
from gandiag.streaming._moments import moments_of

DIFFERS = "the floor is the closed form for Gaussian features, and there is no p-value"


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the distance of the merged moments."""
    real, fake = moments_of(state, "real"), moments_of(state, "fake")
    distance, of_means, route = distance_of_covariances(*real.finalise(), *fake.finalise())
    fewest = min(frame.n or frame.m, frame.m)
    thin = fewest <= frame.d
    reasons = {
        "e_value": "not a sequential test",
        "interval": "biased by about C/n with an unknown C, and a bootstrap would add a second floor",
        "p_value": "relabellings need all rows at once, and a merged state has none",
        "floor": "the reference does not say of how many rows its mean and covariance are",
    }
    null = None
    if frame.n:
        mean, sd = gaussian_floor(real.merge(fake).finalise()[1], frame.n, frame.m)
        floor = Floor(mean=mean, sd=sd, source="closed form for Gaussian features")
        null = KnownNull(floor=floor, p_value=None)
        del reasons["floor"]
    note = f"rank-deficient: {fewest} rows for {frame.d} columns; the bias is large"
    return Measurement(
        estimate=distance,
        null=null,
        status="degraded" if thin else "ok",
        reasons=reasons,
        warnings=(note,) if thin else (),
        details={
            "route": route,
            "mean_term": of_means,
            "covariance_term": max(0.0, distance - of_means),
            "extrapolated": None,
            "infinity": None,
        },
    )
