"""Effective support: how many equally likely values would repeat as often as the sampler does.

``N2 = 1 / sum p_i^2`` is at most the number of values; a sampler that returns its 500 training rows has N2 <= 500, and
shows it by repeats among some 30 draws (the birthday paradox; Arora, Risteski & Zhang 2018, "Do GANs learn the
distribution? Some theory and empirics"). The estimate is ``(C(m, 2) + 1) / (pairs + 1)`` for that many equal pairs.

The interval holds for every law: from below by how few repeats there are, from above by how many (derivations in
`gandiag.numerics.counts`). The details add the bound by batches of the paper in exact form, the log-normal interval of
the plug-in, and the evenness ``c2^2/c3``, at most 1 and 1 only for a law that is uniform on its support. Everything
stands beside its value on real rows, and the p-value tells whether fake repeats more than real does.

N2 is an effective size: one heavy value hides a long tail. Read it with `missing_mass`. Rows count as equal when they
are so to the last bit; near copies are seen by `birthday`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import number
from gandiag.core.results import Bounds, Floor, Interval, KnownNull, Measurement, PValue, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._discrete import pooled_row_ids
from gandiag.numerics.collision_tests import equal_pairs
from gandiag.numerics.counts import collision_moment, repeats_in_batches, support_lower_bound, support_upper_bound_of
from gandiag.numerics.histograms import Cells, cells_of
from gandiag.numerics.unseen import (
    birthday_number,
    support_estimate,
    support_lognormal_interval,
    support_upper_by_batches,
)

Matrix = NDArray[np.float64]
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]


def measure(comparison: Comparison, /, *, rng: np.random.Generator, level: float = 0.95) -> Measurement:
    """Measure the effective support of fake, with its permutation null and an interval for every law.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    level : float
        Confidence of the two-sided intervals.
    """
    level = number(level, "level", above=0.0, below=1.0)
    ids, is_real = pooled_row_ids(comparison), comparison.pooled()[1]
    cells = cells_of(ids, least=2)
    estimate = float(_statistic(cells, comparison.n, comparison.m)(is_real[:, None])[0, 0])
    # Batches are cut from the draws, so the order in which a sampler happens to repeat itself must not matter.
    (bounds, fake), (_, real) = (_support(rng.permutation(ids[side]), level) for side in (~is_real, is_real))
    details = {"level": float(level), **fake} | {f"{key}_real": value for key, value in real.items()}
    silent = not fake["pairs"]
    return Measurement(
        estimate=estimate,
        null=_null(cells, comparison, is_real, estimate),
        interval=Interval.of(
            bounds,
            level=level,
            method="Chernoff and Markov bounds on the repeats, for every law",
            sided="lower" if fake["n2_high"] is None else "two-sided",
        ),
        reasons={"e_value": "not a sequential test"},
        status="degraded" if silent else "ok",
        warnings=("no two fake rows are equal: the number only says how much these draws could show",)
        if silent
        else (),
        details=details,
    )


def _statistic(cells: Cells, n: int, m: int) -> Any:
    """Make the support of fake, and its logarithm less that of real's, functions of the labels."""

    def statistic(labels: Labels) -> Matrix:
        counts = cells.real(labels)
        real = support_estimate(equal_pairs(counts), n)
        fake = support_estimate(equal_pairs(cells.totals[:, None] - counts), m)
        return np.stack([fake, np.log(fake / real)])

    return statistic


def _null(cells: Cells, comparison: Comparison, is_real: Labels, estimate: float) -> Relabelling | KnownNull:
    if not len(cells.held):
        # No labelling has a repeat: the null is one point, and permutations would only repeat it.
        why = "exact: no two pooled rows are equal"
        return KnownNull(floor=Floor(mean=estimate, sd=0.0, source=why), p_value=PValue(value=1.0, calibration=why))
    statistic = _statistic(cells, comparison.n, comparison.m)
    return Relabelling(observed=is_real, statistic=statistic, alternative="less")


def _support(ids: Ids, level: float) -> tuple[Bounds, dict[str, Any]]:
    """Bound the support of one side, as a function of the confidence, and describe it."""
    counts = np.unique(ids, return_counts=True)[1]
    pairs, draws, repeats = int((counts * (counts - 1) // 2).sum()), len(ids), repeats_in_batches(ids)

    @lru_cache(maxsize=1)  # asked twice at the stated level
    def bounds(at: float) -> tuple[float, float | None]:
        one_sided = (1.0 + at) / 2.0
        return support_lower_bound(draws, pairs, one_sided), support_upper_bound_of(repeats, one_sided)

    low, high = bounds(level)
    c2 = collision_moment(counts)
    c3 = collision_moment(counts, 3) if len(ids) >= 3 else 0.0
    plain = support_lognormal_interval(counts, level) or (None, None)
    n2 = float(support_estimate(np.array([pairs]), len(ids))[0])
    return bounds, {
        "pairs": pairs,
        "distinct": len(counts),
        "n2": n2,
        "n2_plug_in": 1.0 / c2 if pairs else None,
        "n2_low": low,
        "n2_high": high,
        "n2_high_batches": support_upper_by_batches(ids, (1.0 + level) / 2.0),
        "n2_lognormal_low": plain[0],
        "n2_lognormal_high": plain[1],
        "collision_entropy": -math.log(c2) if pairs else None,
        "evenness": min(1.0, c2**2 / c3) if c3 > 0 else None,
        "birthday_number": birthday_number(n2),
    }


METRIC = MetricSpec(
    name="effective_support",
    title="Effective support",
    summary="How many equally likely values would repeat as often as the samples do, with bounds for every law.",
    measure=measure,
    kind="estimate",
    direction="higher",
    unit="equally likely values",
    low=1.0,
    high=None,
    family="duplicates",
    topic="support",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="a sampler that draws from few values, or from some far too often",
    blind_to="a long tail behind a heavy value, near copies, and where the values lie",
    cost="O((n + m) (d + B))",
    source="Arora, Risteski & Zhang 2018, Do GANs learn the distribution?; bounds derived in numerics.counts",
    default=False,
)
