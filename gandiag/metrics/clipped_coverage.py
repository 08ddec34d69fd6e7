"""Clipped coverage: the share of good samples that would cover the data as well as these do.

A real sample's ball, to its k-th nearest other real sample, should hold about k samples: it earns
``min(1, #{j : |y_j - x_i| <= r_k(x_i)} / k)``, and the raw score is the mean over the real samples (Salvy, Talbot &
Thirion 2025, "Enhanced generative model evaluation with clipped density and coverage"). `coverage` is satisfied by one
sample per ball; this asks for as many as the data have there, so a thinned mode counts.

The raw score is calibrated by its mean ``f(g)`` where g of the m samples are good, drawn from the law of the data, and
the others in no ball: the number of good samples in a ball is negative hypergeometric for every continuous law, so f is
exact and needs no simulation. The estimate is ``f^-1(raw) / m``, cut at 1: it falls linearly with the share of bad
samples. The tested statistic is the raw score. Balls are closed. Samples far off the data cost only what is missing
elsewhere for them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import whole
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.balls import ball_counts
from gandiag.numerics.clipped_balls import clipped_holdings, expected_holdings
from gandiag.numerics.labelled_balls import NeighbourOrder, neighbour_order
from gandiag.numerics.neighbours import knn_radii

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


def clipped_coverage(real: Matrix, fake: Matrix, k: int = 5) -> float:
    """Compute the clipped coverage of real rows by fake rows.

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

    Raises
    ------
    TooFewSamplesError
        When there are no ``k`` other real rows.

    Notes
    -----
    Cost O(n (n + m) d) time, in bounded memory.

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0], [11.0], [12.0]])
    >>> round(clipped_coverage(real, fake, k=1), 6)  # 2 of 4 balls are held, as by 3 of 4 good samples
    0.75
    """
    held, _ = ball_counts(real, knn_radii(real, k), fake)
    raw = np.array([np.minimum(held, k).mean() / k])
    return float(good_share(raw, len(real), len(fake), k)[0])


def good_share(raw: Vector, n: int, m: int, k: int) -> Vector:
    """Find the share of good samples whose mean raw score is ``raw``, cut at 1.

    Examples
    --------
    >>> good_share(np.array([0.0, 0.25, 1.0]), 2, 1, 1)
    array([0. , 0.5, 1. ])
    """
    good = np.arange(m + 1)
    return np.interp(raw, expected_holdings(n, good, k), good / m)


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5) -> Measurement:
    """Measure clipped coverage, with its permutation null."""
    k = whole(k, "k", at_least=1)
    if comparison.n <= k:
        why = f"balls to the {k}-th neighbour need more than {k} real rows, got {comparison.n}"
        names = ("estimate", "floor", "p_value", "interval", "e_value")
        return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, why))
    pool, is_real = comparison.pooled()
    table = comparison.once(("neighbour_order",), lambda _: neighbour_order(pool))
    share, raw = (float(row[0]) for row in _scores(table, is_real[:, None], k))
    return Measurement(
        estimate=share,
        null=Relabelling(
            observed=is_real, statistic=lambda labels: _scores(table, labels, k), alternative="less", worse="less"
        ),
        reasons={
            "e_value": "not a sequential test",
            "interval": "no sampling theory holds at practical sizes; compare with the floor",
        },
        details={
            "k": int(k),
            "raw": raw,
            "exact_null_mean_raw": float(expected_holdings(comparison.n, np.array([comparison.m]), k)[0]),
        },
    )


def _scores(table: NeighbourOrder, labels: NDArray[np.bool_], k: int) -> Matrix:
    """Give the calibrated and the raw score, shape (2, B)."""
    raw = clipped_holdings(table, labels, k)
    n = int(labels[:, 0].sum())
    return np.stack([good_share(raw, n, len(labels) - n, k), raw])


METRIC = MetricSpec(
    name="clipped_coverage",
    title="Clipped coverage",
    summary="What share of good samples would cover the data as this sampler does, at the data's own frequencies.",
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
    sees="regions of the data where too few samples are generated, dropped and thinned modes",
    blind_to="where the samples lie that do not cover; a surplus anywhere",
    cost="O((n + m)^2 (d + log(n + m)) + (n + m) k B)",
    source="Salvy, Talbot & Thirion 2025, Enhanced generative model evaluation with clipped density and coverage",
)
