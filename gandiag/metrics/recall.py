"""Recall: the share of real samples that fall into the neighbourhood of a generated one.

``(1/n) #{i : |x_i - y_j| <= r_k(y_j) for some j}``, where ``r_k(y_j)`` is the distance from a generated sample to its
k-th nearest other generated sample: precision with its arguments swapped (Kynkäänniemi et al. 2019, "Improved precision
and recall metric for assessing generative models", eq. 1 and 2). Balls are closed.

The balls are the sampler's own: scattered samples span large balls and cover much that they never produce, and further
samples can lower recall by shrinking the balls. Coverage, whose balls are the real ones, has neither fault.
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
from gandiag.numerics.labelled_balls import nearest_labelled, neighbour_order, shares_inside
from gandiag.numerics.neighbours import Ties, knn_radii

Matrix = NDArray[np.float64]

# Above this share of balls without extent the neighbourhoods are repetitions, not neighbourhoods.
MOST_EMPTY_BALLS = 0.01
_ABSENT = {
    "e_value": "not a sequential test",
    "interval": "no sampling theory holds at practical sizes; compare with the floor",
}


def recall(real: Matrix, fake: Matrix, k: int = 5, ties: Ties = "closed") -> float:
    """Compute the share of real rows inside the k-NN ball of at least one fake row.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)
        More than ``k`` rows.
    k : int
        Neighbours that a ball reaches to.
    ties : {"closed", "prdc"}
        "prdc" leaves out what lies exactly on a ball's edge, as the package of that name does.

    Returns
    -------
    float
        In [0, 1], higher is better. Swapping the arguments gives precision.

    Raises
    ------
    TooFewSamplesError
        When there are no ``k`` other fake rows.

    Notes
    -----
    Cost O(m (n + m) d) time, in bounded memory.

    Examples
    --------
    >>> import numpy as np
    >>> recall(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]]), k=1)
    1.0
    """
    _, per_real = ball_counts(fake, knn_radii(fake, k), real, ties)
    return float(np.mean(per_real > 0))


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> Measurement:
    """Measure recall, with its permutation null and the real rows that lie outside every ball."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    if comparison.m <= k:
        return _undefined(f"balls to the {k}-th neighbour need more than {k} fake rows, got {comparison.m}")
    pool, is_real = comparison.pooled()
    table = comparison.once(("neighbour_order",), lambda _: neighbour_order(pool))
    radii = knn_radii(comparison.fake, k)
    _, per_real = ball_counts(comparison.fake, radii, comparison.real, ties)
    empty = float(np.mean(radii == 0))
    missed = np.flatnonzero(per_real == 0)
    distance = nearest_labelled(table, missed, ~is_real)
    farthest = np.argsort(-distance, kind="stable")
    return Measurement(
        estimate=float(shares_inside(table, ~is_real[:, None], k, ties)[0]),
        null=Relabelling(
            observed=is_real,
            statistic=lambda labels: shares_inside(table, ~labels, k, ties)[None, :],
            alternative="less",
        ),
        status="degraded" if empty > MOST_EMPTY_BALLS else "ok",
        reasons=_ABSENT,
        warnings=(_repeats_note(empty),) if empty > MOST_EMPTY_BALLS else (),
        details={
            "k": int(k),
            "ties": ties,
            "zero_radius_share": empty,
            "distinct_real": distinct_rows(comparison.real),
            "distinct_fake": distinct_rows(comparison.fake),
            "missed": len(missed),
        },
        arrays={"missed": missed[farthest], "missed_distance": distance[farthest]},
    )


def number(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> float | None:
    """Compute the estimate of `measure` alone."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    return None if comparison.m <= k else recall(comparison.real, comparison.fake, k, ties)


def _repeats_note(empty: float) -> str:
    return f"{100 * empty:.3g} % of the fake balls have radius 0: the sampler repeats rows, which recall counts as such"


def _undefined(reason: str) -> Measurement:
    names = ("estimate", "floor", "p_value", "interval", "e_value")
    return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, reason))


METRIC = MetricSpec(
    name="recall",
    title="Recall",
    summary="Share of real samples that lie in the neighbourhood of a generated one: variety.",
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
    min_real=1,
    min_fake=6,
    most_rows=1000,
    sees="lost variety: real rows that no neighbourhood of samples reaches",
    blind_to="low fidelity: a few scattered samples span balls that cover everything",
    cost="O((n + m)^2 (d + log(n + m)) + (n + m) k B)",
    source="Kynkäänniemi et al. 2019, Improved precision and recall metric, eq. 1-2; closed balls",
)
