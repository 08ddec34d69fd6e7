"""CMMD: a Gaussian-kernel discrepancy of unit-length embeddings, as papers on image generation print it.

``1000 MMD^2`` with ``k(x, y) = exp(-|x - y|^2 / (2 sigma^2))``, sigma = 10, on rows brought to length 1 (Jayasumana et
al. 2024, "Rethinking FID: towards a better evaluation metric for image generation", section 5, on CLIP embeddings).
The literature's number is the biased V-statistic, which reads about ``1000 (1/n + 1/m) (1 - E k)`` for equal laws; it
stands in the details. The estimate here is the unbiased one, whose mean is 0 there, so *it may be negative*.

Two unit vectors are at most 2 apart, where this kernel is all but linear in the squared distance: the number is about
9.9 times the squared distance of the two mean embeddings, and nearly blind to variety. Beside it, in the details,
stands the same discrepancy at the median distance, and the test takes the larger of the two in units of their sizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.backend import Array, namespace
from gandiag.numerics.distances import off_diagonal, pooled_distances, positive_quantile
from gandiag.numerics.kernels import biased_mmd2, gaussian_kernel, hollow_centred, unbiased_mmd2

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

SIGMA = 10.0
FACTOR = 1000.0


def unit_rows(rows: Array) -> Array:
    """Bring every row to length 1; a row of zeros stays."""
    xp = namespace(rows)
    largest = xp.max(xp.abs(rows), axis=1, keepdims=True)
    one = xp.ones_like(largest)
    scaled = rows / xp.where(largest > 0.0, largest, one)  # squares of the entries themselves may leave the range
    lengths = xp.sqrt(xp.sum(scaled * scaled, axis=1, keepdims=True))
    return scaled / xp.where(lengths > 0.0, lengths, one)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the unbiased CMMD, with its permutation null over both bandwidths."""
    pool, is_real = comparison.pooled_near()
    distances = pooled_distances(unit_rows(pool))
    median = positive_quantile(off_diagonal(distances), 0.5)[0] or 1.0
    biased = float(biased_mmd2(gaussian_kernel(distances, SIGMA), is_real[:, None])[0])
    hollows = [hollow_centred(gaussian_kernel(distances, length)) for length in (SIGMA, median)]
    sizes = [float(abs(hollow).mean()) or 1.0 for hollow, _ in hollows]

    def statistic(labels: Labels) -> Matrix:
        values = [unbiased_mmd2(hollow, labels) for hollow, _ in hollows]
        tested = np.max([value / size for value, size in zip(values, sizes, strict=True)], axis=0)
        return np.stack([FACTOR * values[0], tested])

    observed = statistic(is_real[:, None])
    apart = unit_rows(comparison.real).mean(axis=0) - unit_rows(comparison.fake).mean(axis=0)
    return Measurement(
        estimate=float(observed[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the statistic is degenerate where both laws are equal: no interval holds its level there",
        },
        details={
            "biased": FACTOR * biased,
            "at_the_median": float(unbiased_mmd2(hollows[1][0], is_real[:, None])[0]),
            "median": float(median),
            "squared_mean_difference": float(apart @ apart),
        },
    )


METRIC = MetricSpec(
    name="cmmd",
    title="CMMD",
    summary="Kernel distance of unit-length embeddings at a fixed bandwidth of 10, times 1000.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="1000 squared kernel distances",
    low=None,
    high=2000.0,
    family="distribution",
    topic="embedding",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=1000,
    default=False,
    sees="a different mean embedding; in its test also a different spread of directions",
    blind_to="the length of embeddings; its value hardly sees variety",
    cost="O((n + m)^2 (d + 2 B))",
    source="Jayasumana et al. 2024, Rethinking FID, section 5",
)
