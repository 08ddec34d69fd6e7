"""Nearest-neighbour test: how often the neighbours of a sample come from its own side.

``T = (1 / N k) sum_i sum_{r <= k} 1[i and its r-th neighbour are of one side]`` over the pooled sample (Schilling 1986,
"Multivariate two-sample tests based on nearest neighbors", eq. 1.1; Henze 1988, "A multivariate two-sample test based
on the number of nearest neighbor type coincidences"). Under equal laws its mean is exactly
``(n (n - 1) + m (m - 1)) / (N (N - 1))``, whatever the law; it is 1 where the sides keep apart.

The neighbours are found once, without a look at the labels, and the labels are permuted on that fixed table, in
O(N k B). Rows tied for the last places share them equally, so duplicates and whole numbers neither depend on the order
of the rows nor favour a side.

It sees any difference in few dimensions, locally: a hole, a spike, copies. In many dimensions the rows of the wider law
have the narrower law's for neighbours (hubs), and T may then lie *below* its floor for a change of scale; look at
`same_real` and `same_fake`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.graphs import neighbour_graph

Labels = NDArray[np.bool_]

NEIGHBOURS = 5


def expected_share(n: int, m: int) -> float:
    """Compute the exact mean of the statistic under equal laws.

    Examples
    --------
    >>> round(expected_share(50, 50), 6)
    0.494949
    """
    total = n + m
    return (n * (n - 1) + m * (m - 1)) / (total * (total - 1))


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = NEIGHBOURS) -> Measurement:
    """Measure the share of neighbours of one's own side, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Not used: nothing is drawn.
    k : int
        Neighbours of each row, at least 1; at most all other rows are used.

    Raises
    ------
    ConfigError
        For ``k`` below 1.
    """
    if k < 1:
        raise ConfigError("`k` must be at least 1", received=k, remedy="Use k=5.")
    pool, is_real = comparison.pooled()
    used = min(k, len(pool) - 1)
    graph = neighbour_graph(pool, used)
    places = used * len(pool)

    def statistic(labels: Labels) -> NDArray[np.float64]:
        return (graph.same_side(labels) / places)[None, :]

    share = graph.real_share(is_real)
    same = np.where(is_real, share, 1.0 - share)
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the spread of neighbour counts away from equal laws has no practical theory",
        },
        details={
            "k": used,
            "expected": expected_share(comparison.n, comparison.m),
            "same_real": float(same[is_real].mean()),
            "same_fake": float(same[~is_real].mean()),
        },
        arrays={"same_side": same, "labels": is_real},
    )


METRIC = MetricSpec(
    name="knn_test",
    title="Nearest-neighbour test",
    summary="How often the nearest neighbours of a sample come from its own side; about 0.5 for equal sizes and laws.",
    measure=measure,
    kind="index",
    direction="lower",
    unit="share",
    low=0.0,
    high=1.0,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=3000,
    sees="any local difference in few dimensions: holes, spikes, copies of rows",
    blind_to="small shifts in many dimensions, and there changes of scale, which it may read the wrong way round",
    cost="O((n + m)^2 d + (n + m) k B)",
    source="Schilling 1986, Multivariate two-sample tests based on nearest neighbors, eq. 1.1; Henze 1988",
    default=False,
)
