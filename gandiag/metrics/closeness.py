"""Closeness: whether two samplers of discrete values, both of unknown law, share it.

The estimate is ``||p - q||_2^2`` without bias, from equal pairs within and across the sides; it equals the unbiased
squared MMD with the kernel ``1[x = y]``. The tested statistic weighs every value by one over its count,
``sum ((X - Y)^2 - X - Y)/(X + Y)``, which makes the test optimal in total variation (Chan, Diakonikolas, Valiant &
Valiant 2014, "Optimal algorithms for testing closeness of discrete distributions"): it finds differences among the
rare values that the L2 distance drowns. Both have exact permutation nulls. The origin of the problem is Batu,
Fortnow, Rubinfeld, Smith & White 2000.

Values are whole rows, or the classes of the rows with ``of="labels"``. Rows that occur once on both sides together
carry no information here: among continuous rows it sees nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._discrete import chosen, pooled_label_ids, pooled_row_ids, relabelled_p, undefined
from gandiag.numerics.collision_tests import closeness_draws, closeness_statistic, squared_distance
from gandiag.numerics.histograms import Cells, cells_of, total_variation_shares

Matrix = NDArray[np.float64]
Ids = NDArray[np.int64]

TOP = 10
_DRAWN: dict[str, Callable[[Comparison], Ids | None]] = {"rows": pooled_row_ids, "labels": pooled_label_ids}


def measure(comparison: Comparison, /, *, rng: np.random.Generator, of: str = "rows", far: float = 0.25) -> Measurement:
    """Measure the squared L2 distance of the two laws, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    of : {"rows", "labels"}
        What is drawn: whole rows, or their classes.
    far : float
        Total variation for which the order of the needed draws is stated.
    """
    ids = chosen(of, "of", _DRAWN)(comparison)
    if ids is None:
        return undefined("real and fake rows must both carry classes for of='labels'")
    n, m = comparison.n, comparison.m
    is_real = comparison.pooled()[1]
    cells = cells_of(ids, least=2)
    real = cells.real(is_real[:, None])
    fake = cells.totals[:, None] - real
    statistic = _statistic(cells, n, m)
    distance, tested = statistic(is_real[:, None])[:, 0].tolist()
    distinct = len(np.unique(ids))
    everything = cells_of(ids)
    counts = everything.real(is_real[:, None])
    return Measurement(
        estimate=distance,
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the estimate is degenerate where both laws are equal: no interval holds its level there",
        },
        warnings=() if len(cells.held) else ("no two pooled rows are equal: there is nothing to compare",),
        details={
            "of": of,
            "l2_distance": math.sqrt(max(0.0, distance)),
            "l2_p": relabelled_p(lambda labels: statistic(labels)[0], is_real, rng),
            "statistic": tested,
            "distinct": distinct,
            "shared": int(((real > 0) & (fake > 0)).sum()),
            "plug_in_tv": float(total_variation_shares(counts, everything.totals[:, None] - counts)[0]),
            "far": float(far),
            "draws_order_for_far": closeness_draws(distinct, far),
        },
        arrays=_largest(ids, everything, counts[:, 0], n, m),
    )


def _statistic(cells: Cells, n: int, m: int) -> Any:
    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        real = cells.real(labels)
        fake = cells.totals[:, None] - real
        return np.stack([squared_distance(real, fake, n, m), closeness_statistic(real, fake, n, m)])

    return statistic


def _largest(ids: Ids, cells: Cells, real: NDArray[np.float64], n: int, m: int) -> dict[str, NDArray[Any]]:
    """Give the values that differ most: one pooled row of each (real rows first), and its counts."""
    fake = cells.totals - real
    order = np.argsort(-np.abs(real / n - fake / m), kind="stable")[:TOP]
    first = np.array([int(np.argmax(ids == cells.held[k])) for k in order], dtype=np.int64)
    return {"largest_rows": first, "largest_counts": np.stack([real[order], fake[order]]).astype(np.int64)}


METRIC = MetricSpec(
    name="closeness",
    title="Closeness",
    summary="Do two discrete samplers of unknown law share it? Optimal in total variation, also among rare values.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="squared L2 distance",
    low=None,
    high=2.0,
    family="distribution",
    topic="support",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="values that one side draws more often than the other, rare ones too",
    blind_to="rows that never repeat, so every difference of continuous laws; and how far unequal values lie apart",
    cost="O((n + m) (d + B))",
    source="Chan, Diakonikolas, Valiant & Valiant 2014; Batu et al. 2000",
    needs=frozenset({"discrete"}),
    default=False,
)
