"""Clipped density: fidelity as a share of good samples, on a scale where real data score 1.

With ``R_i = min(r_k(x_i), median_l r_k(x_l))``, where ``r_k(x_i)`` is the distance from a real sample to its k-th
nearest other real sample, a sample earns ``c(y) = min(1, #{i : |y - x_i| <= R_i} / k)``, and the score is
``min(1, mean_j c(y_j) / mean_j c(x_j))``, where a real sample's own ball does not count for it (Salvy, Talbot & Thirion
2025, "Enhanced generative model evaluation with clipped density and coverage"; clipping of radii and of contributions,
division by the real data's own score). Balls are closed.

Clipped radii mean that a real outlier forgives nothing, and bad samples far off earn 0, so the score falls linearly
with their share. Clipped contributions leave crowded samples less room to make up for bad ones than `density` does: a
sample earns at most ``1 / score_real`` times what a real one earns on average (`score_real` in the details). That is
little in few dimensions, but in 32 normal ones a real sample earns 0.4, so half a sample drawn to the middle can hide
that the other half is bad. The tested statistic is the ratio before it is cut at 1. What is missing from the samples it
does not see.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import whole
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.clipped_balls import clipped_memberships
from gandiag.numerics.labelled_balls import NeighbourOrder, neighbour_order

Matrix = NDArray[np.float64]


def clipped_density(real: Matrix, fake: Matrix, k: int = 5) -> float:
    """Compute the clipped density of fake rows.

    Parameters
    ----------
    real : ndarray, shape (n, d)
        More than ``k`` rows.
    fake : ndarray, shape (m, d)
    k : int

    Returns
    -------
    float
        In [0, 1], higher is better; a little below 1 under equal laws, since what lies above is cut.

    Notes
    -----
    O((n + m)^2) memory: for a few thousand rows.

    Examples
    --------
    >>> import numpy as np
    >>> clipped_density(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]]), k=1)
    0.5
    """
    labels = np.arange(len(real) + len(fake)) < len(real)
    return float(_scores(neighbour_order(np.concatenate([real, fake])), labels[:, None], k)[0, 0])


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5) -> Measurement:
    """Measure clipped density, with its permutation null."""
    k = whole(k, "k", at_least=1)
    if comparison.n <= k:
        why = f"balls to the {k}-th neighbour need more than {k} real rows, got {comparison.n}"
        names = ("estimate", "floor", "p_value", "interval", "e_value")
        return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, why))
    pool, is_real = comparison.pooled()
    table = comparison.once(("neighbour_order",), lambda _: neighbour_order(pool))
    fake, real = (float(side[0]) for side in clipped_memberships(table, is_real[:, None], k))
    return Measurement(
        estimate=min(1.0, fake / real),
        null=Relabelling(
            observed=is_real, statistic=lambda labels: _scores(table, labels, k), alternative="less", worse="less"
        ),
        reasons={
            "e_value": "not a sequential test",
            "interval": "no sampling theory holds at practical sizes; compare with the floor",
        },
        details={"k": int(k), "ratio": fake / real, "score_fake": fake, "score_real": real},
    )


def _scores(table: NeighbourOrder, labels: NDArray[np.bool_], k: int) -> Matrix:
    """Give the score and the ratio that it is cut from, shape (2, B)."""
    fake, real = clipped_memberships(table, labels, k)
    ratio = fake / real
    return np.stack([np.minimum(ratio, 1.0), ratio])


METRIC = MetricSpec(
    name="clipped_density",
    title="Clipped density",
    summary="What share of good samples would score as this sampler does: fidelity that outliers cannot bias.",
    measure=measure,
    kind="index",
    direction="higher",
    unit="share of good samples",
    low=0.0,
    high=1.0,
    family="fidelity",
    topic="embedding",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=6,
    min_fake=1,
    most_rows=1000,
    default=False,
    sees="samples off the data, in proportion to their share",
    blind_to="dropped modes and lost variety; samples drawn towards the middle of the data",
    cost="O((n + m)^2 (d + log(n + m)) + (n + m) k B)",
    source="Salvy, Talbot & Thirion 2025, Enhanced generative model evaluation with clipped density and coverage",
)
