"""Coverage: the share of real neighbourhoods that hold at least one generated sample.

``(1/n) #{i : |y_j - x_i| <= r_k(x_i) for some j}`` (Naeem et al. 2020, "Reliable fidelity and diversity metrics for
generative models", eq. 3). The balls are the real ones, so scattered samples gain nothing, and further samples never
lower it.

Under equal continuous laws its mean is ``1 - prod_{i=0}^{k-1} (n - 1 - i)/(n + m - 1 - i)`` for every law and
dimension: a ball is empty exactly when the k nearest of all other rows are real. For n = m that tends to ``1 - 2^-k``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.balls import ball_counts
from gandiag.numerics.equal_rows import distinct_rows
from gandiag.numerics.labelled_balls import ball_loads, nearest_labelled, neighbour_order
from gandiag.numerics.neighbours import Ties, knn_radii

Matrix = NDArray[np.float64]

# Above this share of balls without extent the neighbourhoods are repetitions, not neighbourhoods.
MOST_EMPTY_BALLS = 0.01
_ABSENT = {
    "e_value": "not a sequential test",
    "interval": "no sampling theory holds at practical sizes; compare with the floor",
}


def coverage(real: Matrix, fake: Matrix, k: int = 5, ties: Ties = "closed") -> float:
    """Compute the share of real rows whose k-NN ball holds at least one fake row.

    Parameters
    ----------
    real : ndarray, shape (n, d)
        More than ``k`` rows.
    fake : ndarray, shape (m, d)
    k : int
        Neighbours that a ball reaches to.
    ties : {"closed", "prdc"}
        "prdc" leaves out what lies exactly on a ball's edge, as the package of that name does.

    Returns
    -------
    float
        In [0, 1], higher is better; mean `null_mean` under equal continuous laws.

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
    >>> coverage(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]]), k=1)
    0.5
    """
    per_real, _ = ball_counts(real, knn_radii(real, k), fake, ties)
    return float(np.mean(per_real > 0))


def null_mean(n: int, m: int, k: int = 5) -> float:
    """Compute the mean coverage of two samples of one continuous law, whatever that law is.

    Parameters
    ----------
    n, m : int
        Rows of real and of fake.
    k : int

    Examples
    --------
    >>> round(null_mean(500, 500), 6)
    0.969218
    """
    i = np.arange(k)
    return 1.0 - float(np.prod((n - 1.0 - i) / (n + m - 1.0 - i)))


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> Measurement:
    """Measure coverage, with its permutation null and the real rows whose balls are empty."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    if comparison.n <= k:
        return _undefined(f"balls to the {k}-th neighbour need more than {k} real rows, got {comparison.n}")
    pool, is_real = comparison.pooled()
    table = comparison.once(("neighbour_order",), lambda _: neighbour_order(pool))
    radii = knn_radii(comparison.real, k)
    per_real, _ = ball_counts(comparison.real, radii, comparison.fake, ties)
    empty = float(np.mean(radii == 0))
    uncovered = np.flatnonzero(per_real == 0)
    distance = nearest_labelled(table, uncovered, ~is_real)
    farthest = np.argsort(-distance, kind="stable")
    return Measurement(
        estimate=float(ball_loads(table, is_real[:, None], k, ties)[1][0]),
        null=Relabelling(
            observed=is_real,
            statistic=lambda labels: ball_loads(table, labels, k, ties)[1][None, :],
            alternative="less",
        ),
        status="degraded" if empty > MOST_EMPTY_BALLS else "ok",
        reasons=_ABSENT,
        warnings=(_repeats_note(empty),) if empty > MOST_EMPTY_BALLS else (),
        details={
            "k": int(k),
            "ties": ties,
            "exact_null_mean": null_mean(comparison.n, comparison.m, k),
            "zero_radius_share": empty,
            "distinct_real": distinct_rows(comparison.real),
            "distinct_fake": distinct_rows(comparison.fake),
            "uncovered": len(uncovered),
        },
        arrays={"uncovered": uncovered[farthest], "uncovered_distance": distance[farthest]},
    )


def number(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> float | None:
    """Compute the estimate of `measure` alone."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    return None if comparison.n <= k else coverage(comparison.real, comparison.fake, k, ties)


def _repeats_note(empty: float) -> str:
    return f"{100 * empty:.3g} % of the real balls have radius 0: the rows repeat, so coverage counts repetitions"


def _undefined(reason: str) -> Measurement:
    names = ("estimate", "floor", "p_value", "interval", "e_value")
    return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, reason))


METRIC = MetricSpec(
    name="coverage",
    title="Coverage",
    summary="Share of real samples with a generated one in their neighbourhood: what of the data is produced at all.",
    measure=measure,
    number=number,
    kind="index",
    direction="higher",
    unit="share of real",
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
    sees="regions of the data where nothing is generated",
    blind_to="proportions: one sample in a ball covers it; samples far from the data",
    cost="O((n + m)^2 (d + log(n + m)) + (n + m) k B)",
    source="Naeem et al. 2020, Reliable fidelity and diversity metrics, eq. 3; closed balls",
)
