"""Discrepancy in random Fourier features: an exact permutation test whose cost grows with the rows, not their pairs.

A Gaussian kernel is the mean of ``cos(w.(x - y))`` over normal frequencies w (Bochner; Rahimi & Recht 2007, "Random
features for large-scale kernel machines", eq. 2). With some hundred frequencies drawn once, rows become vectors of
cosines and sines, and the squared discrepancy is the squared distance of two mean vectors. Any relabelling of the pool
costs one product, and the permutation test of the *drawn* features is exact whatever their number (Zhao & Meng 2015,
"FastMMD", use the same features; the permutations need no approximation of the null).

The frequencies belong to Gaussian kernels of half, once and twice the median distance of some pooled rows, a third
each: their kernel is the mean of the three. The estimate is the unbiased one of that kernel, so *it may be negative*.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._kernel_options import require_at_least, require_bandwidth
from gandiag.numerics.fourier import fourier_features
from gandiag.numerics.kernels import sampled_bandwidth

Matrix = NDArray[np.float64]

FREQUENCIES = 498
_SCALES = (0.5, 1.0, 2.0)


def drawn_frequencies(d: int, bandwidth: float, count: int, rng: np.random.Generator) -> Matrix:
    """Draw frequencies of Gaussian kernels of half, once and twice the bandwidth in turn, shape (d, count)."""
    lengths = bandwidth * np.resize(_SCALES, count)
    out: Matrix = rng.normal(size=(d, count)) / lengths
    return out


def measure(
    comparison: Comparison,
    /,
    *,
    rng: np.random.Generator,
    frequencies: int = FREQUENCIES,
    bandwidth: float | None = None,
) -> Measurement:
    """Measure the discrepancy of some hundred random features, with its exact permutation null.

    Raises
    ------
    ConfigError
        For a ``bandwidth`` that is not above 0, or no frequency.
    """
    require_bandwidth(bandwidth)
    require_at_least("frequencies", frequencies, 1, FREQUENCIES)
    pool, is_real = comparison.pooled_near()
    real, fake = comparison.near("real"), comparison.near("fake")
    length = sampled_bandwidth(real, fake, rng) if bandwidth is None else bandwidth
    reasons = {
        "e_value": "not a sequential test",
        "interval": "the estimate is that of the drawn features: its spread over draws is not in the data",
    }
    details = {"bandwidth": length if length > 0.0 else None, "frequencies": frequencies}
    if length == 0.0:
        null = Relabelling(observed=is_real, statistic=lambda labels: np.zeros((1, labels.shape[1])))
        return Measurement(estimate=0.0, null=null, reasons=reasons, details=details)
    features = fourier_features(pool, drawn_frequencies(comparison.d, length, frequencies, rng))

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        return features.unbiased_mmd2(labels)[None, :]

    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons=reasons,
        details=details,
    )


METRIC = MetricSpec(
    name="mmd_rff",
    title="Discrepancy in random Fourier features",
    summary="Kernel test of large samples: exact permutations in some hundred random features.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="squared kernel distance",
    low=None,
    high=2.1,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=50_000,
    default=False,
    sees="differences of laws at half to twice the median distance",
    blind_to="structure much finer than the median distance; differences that no drawn frequency meets",
    cost="O((n + m) D (d + B)) for D features",
    source="Rahimi & Recht 2007; permutations in feature space: Zhao & Meng 2015",
)
