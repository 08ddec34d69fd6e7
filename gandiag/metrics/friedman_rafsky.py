"""Friedman-Rafsky test: how many edges of the minimum spanning tree join real to fake.

R counts the edges of the Euclidean minimum spanning tree of the pooled sample that join both sides (Friedman & Rafsky
1979, "Multivariate generalizations of the Wald-Wolfowitz and Smirnov two-sample tests", section 3). Under equal laws
``E R = 2 n m / N`` exactly, and its variance given the tree is known in closed form. Few joining edges speak against
equal laws.

The estimate is ``1 - R N / (2 n m)``, which tends to the Henze-Penrose divergence of both laws (Henze & Penrose 1999,
"On the multivariate runs test", theorem 2): 0 for equal laws, 1 for laws on separate supports, and no density is
estimated. Which member D of that family of divergences depends on the sizes, as one class's share ``s = n / N`` does.
With ``u = 4 s (1 - s) D + (1 - 2 s)^2``, which is D for equal sizes, it brackets the error of the best classifier of
rows of which that share is real, ``1/2 - sqrt(u) / 2 <= error <= 1/2 - u / 2`` (Berisha et al. 2016, "Empirically
estimable classification bounds based on a nonparametric divergence measure", theorem 2); the bracket is of the
estimate, not a confidence statement.

Equal rows are joined by a tree of their own, whose cross edges are counted in the mean; with them the closed-form
variance does not hold and is left out. The p-value is that of a permutation of labels on the fixed tree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.graphs import spanning_tree

Labels = NDArray[np.bool_]


def conditional_variance(n: int, m: int, shared: int) -> float:
    """Compute the variance of R given the tree (Friedman & Rafsky 1979, eq. 13).

    Parameters
    ----------
    n, m : int
        Rows of either side, at least 4 in all.
    shared : int
        Pairs of edges that meet in a node.

    Examples
    --------
    >>> round(conditional_variance(2, 2, 2), 6)  # a path of four rows: R is 1, 2 or 3 with chance 1/3 each
    0.666667
    """
    total = n + m
    spread = (shared - total + 2) / ((total - 2) * (total - 3)) * (total * (total - 1) - 4 * n * m + 2)
    return 2 * n * m / (total * (total - 1)) * ((2 * n * m - total) / total + spread)


def bayes_error_bounds(divergence: float, real_share: float = 0.5) -> tuple[float, float]:
    """Bracket the error of the best classifier by the Henze-Penrose divergence of the same share of real rows."""
    known = min(1.0, max(0.0, divergence))
    known = 4.0 * real_share * (1.0 - real_share) * known + (1.0 - 2.0 * real_share) ** 2
    return (1.0 - math.sqrt(known)) / 2.0, (1.0 - known) / 2.0


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the Henze-Penrose divergence by the spanning tree, with its permutation null.

    Nothing is drawn from ``rng``.
    """
    pool, is_real = comparison.pooled()
    tree = spanning_tree(pool)
    expected = 2.0 * comparison.n * comparison.m / len(pool)

    def statistic(labels: Labels) -> NDArray[np.float64]:
        return (1.0 - tree.cross_edges(labels) / expected)[None, :]

    divergence = float(statistic(is_real[:, None])[0, 0])
    edges = float(tree.cross_edges(is_real[:, None])[0])
    low, high = bayes_error_bounds(divergence, comparison.n / len(pool))
    return Measurement(
        estimate=divergence,
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the spread of the tree's edges away from equal laws has no practical theory",
        },
        details={
            "cross_edges": edges,
            "expected_edges": expected,
            "bayes_error_low": low,
            "bayes_error_high": high,
            "real_share": comparison.n / len(pool),
            "distinct_rows": len(tree.nodes.rows),
            **_standardised(edges - expected, comparison.n, comparison.m, tree.shared_nodes(), len(tree.nodes.rows)),
        },
    )


def _standardised(excess: float, n: int, m: int, shared: int, distinct: int) -> dict[str, Any]:
    """Give the closed-form spread and the z-value of R, None where equal rows make them void."""
    if distinct < n + m or n + m < 4:
        return {"edges_sd": None, "edges_z": None}
    sd = math.sqrt(max(0.0, conditional_variance(n, m, shared)))
    return {"edges_sd": sd, "edges_z": excess / sd if sd > 0.0 else None}


METRIC = MetricSpec(
    name="friedman_rafsky",
    title="Friedman-Rafsky test",
    summary="How rarely the pooled sample's spanning tree joins real to fake: 0 for equal laws, 1 for separate ones.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="divergence",
    low=None,
    high=1.0,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=1500,
    sees="any local difference in few dimensions; estimates the Henze-Penrose divergence without densities",
    blind_to="small shifts in many dimensions, and there changes of scale, which hide behind hubs",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Friedman & Rafsky 1979, section 3 and eq. 13; Henze & Penrose 1999, theorem 2",
    default=False,
)
