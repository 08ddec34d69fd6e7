"""Density: how many real neighbourhoods hold each generated sample, relative to what equal laws would give.

``1/(k m) sum_j #{i : |y_j - x_i| <= r_k(x_i)}`` (Naeem et al. 2020, "Reliable fidelity and diversity metrics for
generative models", eq. 2). Unlike precision it counts the balls around a sample, so the one large ball of a real
outlier earns next to nothing.

Under equal continuous laws its mean is exactly 1 for every law, dimension and size, by exchangeability: each ball holds
the k nearest of its own side, and a further point falls before them with known odds. A sample deep inside the data lies
in about k balls however dense the data are there, so in few dimensions crowded samples still score about 1. Below 1
samples lie at the edge or off the data; above 1 they lie nearer to the middle of the data, or of its modes, than real
samples do, which in many dimensions is what too little variety looks like. It has no upper limit.
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
from gandiag.numerics.half_clouds import density_and_coverage, half_clouds
from gandiag.numerics.labelled_balls import NeighbourOrder, ball_loads, neighbour_order
from gandiag.numerics.neighbours import Ties, knn_radii

Matrix = NDArray[np.float64]

# Above this share of balls without extent the neighbourhoods are repetitions, not neighbourhoods.
MOST_EMPTY_BALLS = 0.01
_ABSENT = {
    "e_value": "not a sequential test",
    "interval": "no sampling theory holds at practical sizes; compare with the floor",
}


def density(real: Matrix, fake: Matrix, k: int = 5, ties: Ties = "closed") -> float:
    """Compute the mean number of real k-NN balls around a fake row, over k.

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
        In [0, n/k]; mean 1 under equal continuous laws. A set of distinct rows against itself scores (k + 1)/k with
        closed balls.

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
    >>> density(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]]), k=1)
    1.0
    """
    _, per_fake = ball_counts(real, knn_radii(real, k), fake, ties)
    return float(per_fake.mean()) / k


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> Measurement:
    """Measure density, with its null, the balls around each fake row, and density and coverage of halves."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    if comparison.n <= k:
        return _undefined(f"balls to the {k}-th neighbour need more than {k} real rows, got {comparison.n}")
    pool, is_real = comparison.pooled()
    table = comparison.once(("neighbour_order",), lambda _: neighbour_order(pool))
    radii = knn_radii(comparison.real, k)
    _, per_fake = ball_counts(comparison.real, radii, comparison.fake, ties)
    empty = float(np.mean(radii == 0))
    return Measurement(
        estimate=float(_densities(table, is_real[:, None], k, ties)[0]),
        null=Relabelling(
            observed=is_real,
            statistic=lambda labels: _densities(table, labels, k, ties)[None, :],
            alternative="two-sided",
        ),
        status="degraded" if empty > MOST_EMPTY_BALLS else "ok",
        reasons=_ABSENT,
        warnings=(_repeats_note(empty),) if empty > MOST_EMPTY_BALLS else (),
        details={
            "k": int(k),
            "ties": ties,
            "exact_null_mean": 1.0,
            "zero_radius_share": empty,
            "distinct_real": distinct_rows(comparison.real),
            "distinct_fake": distinct_rows(comparison.fake),
            "share_in_no_ball": float(np.mean(per_fake == 0)),
        },
        arrays={"balls": per_fake, **half_clouds(is_real, density_and_coverage(table, k, ties), k, rng=rng)},
    )


def _densities(table: NeighbourOrder, labels: NDArray[np.bool_], k: int, ties: Ties) -> Matrix:
    n = int(labels[:, 0].sum())
    mean_load, _ = ball_loads(table, labels, k, ties)
    return mean_load * (n / (k * (len(labels) - n)))


def number(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> float | None:
    """Compute the estimate of `measure` alone."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    return None if comparison.n <= k else density(comparison.real, comparison.fake, k, ties)


def _repeats_note(empty: float) -> str:
    return f"{100 * empty:.3g} % of the real balls have radius 0: rows repeat, so the mean under equal laws exceeds 1"


def _undefined(reason: str) -> Measurement:
    names = ("estimate", "floor", "p_value", "interval", "e_value")
    return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, reason))


METRIC = MetricSpec(
    name="density",
    title="Density",
    summary="How many real neighbourhoods hold a sample: 1 for equal laws, less off the data, more when too central.",
    measure=measure,
    number=number,
    kind="index",
    direction="target",
    unit="balls per k",
    low=0.0,
    high=None,
    family="fidelity",
    topic="embedding",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=6,
    min_fake=1,
    most_rows=1000,
    sees="samples far from the data (below 1) and samples too close to its dense centres (above 1)",
    blind_to="dropped modes; crowding in few dimensions; errors that offset each other",
    cost="O((n + m)^2 (d + log(n + m)) + (n + m) k B)",
    source="Naeem et al. 2020, Reliable fidelity and diversity metrics, eq. 2; closed balls",
)
