"""Precision: the share of generated samples that fall into the neighbourhood of a real one.

``(1/m) #{j : |y_j - x_i| <= r_k(x_i) for some i}``, where ``r_k(x_i)`` is the distance from a real sample to its k-th
nearest other real sample (Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative
models", eq. 1 and 2). Balls are closed, so that duplicated rows and discrete data do not score 0.

Its value under equal laws is no constant: with 500 samples a side and k = 5 it is 0.99 in two dimensions and 0.81 in
32. Read it against its floor. One real outlier spans a large ball, which forgives whatever falls inside.
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
from gandiag.numerics.half_clouds import half_clouds, precision_and_recall
from gandiag.numerics.labelled_balls import nearest_labelled, neighbour_order, shares_inside
from gandiag.numerics.neighbours import Ties, knn_radii

Matrix = NDArray[np.float64]

# Above this share of balls without extent the neighbourhoods are repetitions, not neighbourhoods.
MOST_EMPTY_BALLS = 0.01
_ABSENT = {
    "e_value": "not a sequential test",
    "interval": "no sampling theory holds at practical sizes; compare with the floor",
}


def precision(real: Matrix, fake: Matrix, k: int = 5, ties: Ties = "closed") -> float:
    """Compute the share of fake rows inside the k-NN ball of at least one real row.

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
        In [0, 1], higher is better. Swapping the arguments gives recall.

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
    >>> precision(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]]), k=1)
    0.5
    """
    _, per_fake = ball_counts(real, knn_radii(real, k), fake, ties)
    return float(np.mean(per_fake > 0))


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> Measurement:
    """Measure precision, with its null, the fake rows outside every ball, and precision and recall of halves."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    if comparison.n <= k:
        return _undefined(f"balls to the {k}-th neighbour need more than {k} real rows, got {comparison.n}")
    pool, is_real = comparison.pooled()
    table = comparison.once(("neighbour_order",), lambda _: neighbour_order(pool))
    radii = knn_radii(comparison.real, k)
    _, per_fake = ball_counts(comparison.real, radii, comparison.fake, ties)
    empty = float(np.mean(radii == 0))
    at = comparison.n + np.flatnonzero(per_fake == 0)
    distance = nearest_labelled(table, at, is_real)
    farthest = np.argsort(-distance, kind="stable")
    return Measurement(
        estimate=float(shares_inside(table, is_real[:, None], k, ties)[0]),
        null=Relabelling(
            observed=is_real,
            statistic=lambda labels: shares_inside(table, labels, k, ties)[None, :],
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
            "outside": len(at),
        },
        arrays={
            "outside": (at - comparison.n)[farthest],
            "outside_distance": distance[farthest],
            **half_clouds(is_real, precision_and_recall(table, k, ties), k, rng=rng),
        },
    )


def number(comparison: Comparison, /, *, rng: np.random.Generator, k: int = 5, ties: Ties = "closed") -> float | None:
    """Compute the estimate of `measure` alone."""
    require_one_of(ties, ("closed", "prdc"), name="ties")
    return None if comparison.n <= k else precision(comparison.real, comparison.fake, k, ties)


def _repeats_note(empty: float) -> str:
    return f"{100 * empty:.3g} % of the real balls have radius 0: the rows repeat, so precision counts repetitions"


def _undefined(reason: str) -> Measurement:
    names = ("estimate", "floor", "p_value", "interval", "e_value")
    return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, reason))


METRIC = MetricSpec(
    name="precision",
    title="Precision",
    summary="Share of generated samples that lie in the neighbourhood of a real one: fidelity.",
    measure=measure,
    number=number,
    kind="index",
    direction="higher",
    unit="share of fake",
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
    sees="samples off the data",
    blind_to="dropped modes and lost variety; real outliers, whose large balls forgive everything inside",
    cost="O((n + m)^2 (d + log(n + m)) + (n + m) k B)",
    source="Kynkäänniemi et al. 2019, Improved precision and recall metric, eq. 1-2; closed balls",
)
