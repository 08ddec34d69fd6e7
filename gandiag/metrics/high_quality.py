"""High-quality share: how many fake samples lie where a mode holds its mass.

A row is of high quality within the radius that holds 98.9 % of its mode's Gaussian, the chi-square quantile with d
degrees of freedom: a perfect sampler scores 0.989 in every dimension. The rule of the literature, three standard
deviations (Srivastava et al. 2017, "VEEGAN", section 4; Lin et al. 2018, "PacGAN", section 4.1), is the same in two
dimensions, but gives a perfect sampler 0.468 in ten and 0 in seven hundred; its share and its perfect value stand in
the details.

The share alone rewards modes that are too narrow: above the floor is as wrong as below. The *dispersion* in the details
says which it is: the mean squared Mahalanobis distance over d of the rows, 1 for a perfect sampler, below 1 for
shrunken modes. Modes that are missing altogether are not seen at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._mode_counts import Assigned, assigned
from gandiag.numerics.mode_protocols import within_sigmas

Labels = NDArray[np.bool_]

SIGMAS = 3.0
# Rows farther out than this many radii are noise: one of them would decide a mean of squares.
_FARTHEST = 2.0


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the share of fake rows within their mode's radius, with its two-sided permutation null."""
    found = assigned(comparison)
    within = found.within.astype(np.float64)
    total, m = float(within.sum()), comparison.m

    def statistic(labels: Labels) -> NDArray[np.float64]:
        return ((total - within @ labels) / m)[None, :]

    return Measurement(
        estimate=float(statistic(found.is_real[:, None])[0, 0]),
        null=Relabelling(observed=found.is_real, statistic=statistic, alternative="two-sided"),
        interval=None,
        reasons={
            "e_value": "not a sequential test",
            "interval": "the modes are estimated with an error that an interval of the share would leave out",
        },
        details=_details(found, comparison.d),
    )


def _details(found: Assigned, d: int) -> dict[str, Any]:
    distances = found.reach * found.model.radii[found.modes]
    out: dict[str, Any] = {
        "source": found.model.kind,
        "n_modes": len(found.model),
        "sigmas": SIGMAS,
        "within_sigmas_perfect": within_sigmas(d, SIGMAS),
    }
    for side, rows in (("fake", ~found.is_real), ("real", found.is_real)):
        near = rows & (found.reach <= _FARTHEST)
        out[f"within_{side}"] = float(found.within[rows].mean())
        out[f"within_sigmas_{side}"] = float((distances[rows] <= SIGMAS).mean())
        out[f"dispersion_{side}"] = float(np.square(distances[near]).mean() / d) if near.any() else None
    return out


METRIC = MetricSpec(
    name="high_quality",
    title="High-quality share",
    summary="Share of samples within a mode's radius: 98.9 % for a perfect sampler, in every dimension.",
    measure=measure,
    kind="estimate",
    direction="target",
    unit="share of fake",
    low=0.0,
    high=1.0,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    default=False,
    sees="samples between or far from the modes (below the floor), and shrunken modes (above it)",
    blind_to="missing modes and wrong shares; which of two errors it is, where both offset each other",
    cost="O((n + m) (K d^2 + B))",
    source="Srivastava et al. 2017 (VEEGAN), section 4; Lin et al. 2018 (PacGAN), section 4.1; radius by chi-square",
)
