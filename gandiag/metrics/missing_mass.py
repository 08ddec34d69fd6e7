"""Missing mass: how probable the values are that the sampler has not shown yet, and how many there are.

The share of draws that were seen once estimates the probability of what was not seen (Good 1953, "The population
frequencies of species and the estimation of population parameters"; bias at most 1/m). A sampler that collapsed runs
out of new values and has less missing mass than real data of the same number; one with noise has more. The p-value
compares both sides by relabelling, in both directions.

The details say the same in numbers of values: those seen, Chao's lower estimate of all (Chao 1987) with its log-normal
interval, and how many new ones as many further draws would show, and five times as many (Orlitsky, Suresh & Wu 2016).
The upper bound of the interval holds for every law (McAllester & Schapire 2000) and is wide.

Values are rows that are equal to the last bit. On continuous samples nothing repeats and everything is unseen: there
``of="near"`` takes rows that hang together by distances within ``tau`` for one value, tau being the distance within
which as many real rows as there are fake ones have five pairs, found on the rows set aside; ``of="labels"`` counts
classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._discrete import chosen, pooled_label_ids, pooled_row_ids, undefined
from gandiag.numerics.close_pairs import close_pairs
from gandiag.numerics.counts import chao1, missing_mass
from gandiag.numerics.histograms import Cells, cells_of
from gandiag.numerics.unseen import (
    chao1_interval,
    close_threshold,
    good_toulmin,
    missing_mass_bound,
    missing_mass_bound_of,
)

Matrix = NDArray[np.float64]
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]

EXPECTED = 5.0


def measure(
    comparison: Comparison, /, *, rng: np.random.Generator, of: str = "rows", level: float = 0.95
) -> Measurement:
    """Measure the missing mass of fake, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    of : {"rows", "near", "labels"}
        What counts as one value: equal rows, rows that hang together by near duplicates, or classes.
    level : float
        Confidence of the interval and of Chao's.
    """
    ids = chosen(of, "of", _VALUES)(comparison)
    if ids is None:
        return undefined(f"of={of!r} needs " + ("classes of both sides" if of == "labels" else "two rows set aside"))
    is_real = comparison.pooled()[1]
    counts = {
        side: np.unique(ids[mask], return_counts=True)[1] for side, mask in (("fake", ~is_real), ("real", is_real))
    }
    estimate, draws = missing_mass(counts["fake"]), int(counts["fake"].sum())
    silent = len(np.unique(ids)) == len(ids)
    details: dict[str, Any] = {"of": of, "level": float(level), **_unseen(counts["fake"], level)}
    details |= {f"{key}_real": value for key, value in _unseen(counts["real"], level).items()}
    return Measurement(
        estimate=estimate,
        null=_null(cells_of(ids), is_real, silent),
        interval=Interval.of(
            lambda at: (None, missing_mass_bound_of(estimate, draws, at)),
            level=level,
            method="McAllester-Schapire",
            sided="upper",
        ),
        reasons={"e_value": "not a sequential test"},
        status="degraded" if silent else "ok",
        warnings=("no two pooled rows are equal, so all is unseen; of='near' counts near duplicates",)
        if silent
        else (),
        details=details,
        arrays={"seen_fake": np.bincount(counts["fake"])[1:], "seen_real": np.bincount(counts["real"])[1:]},
    )


def _near(comparison: Comparison) -> Ids | None:
    """Group the pooled rows by what hangs together within a distance found on the rows set aside."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(comparison.fit) < 2:
        return None
    pool = comparison.pooled()[0]
    tau = close_threshold(comparison.fit, comparison.m, EXPECTED)
    blocks = [(i, j) for i, j, _ in close_pairs(pool, tau)]
    i, j = (np.concatenate(side) for side in zip(*blocks, strict=True))
    graph = coo_array((np.ones(len(i), dtype=np.int8), (i, j)), shape=(len(pool), len(pool)))
    ids: Ids = connected_components(graph, directed=False)[1].astype(np.int64)
    return ids


_VALUES: dict[str, Callable[[Comparison], Ids | None]] = {
    "rows": pooled_row_ids,
    "near": _near,
    "labels": pooled_label_ids,
}


def _null(cells: Cells, is_real: Labels, silent: bool) -> Relabelling | KnownNull:
    if silent:
        why = "exact: no two pooled rows are equal"
        return KnownNull(floor=Floor(mean=1.0, sd=0.0, source=why), p_value=PValue(value=1.0, calibration=why))
    n = int(is_real.sum())
    m = len(is_real) - n

    def statistic(labels: Labels) -> Matrix:
        real = cells.real(labels)
        fake_once = (cells.totals[:, None] - real == 1).sum(axis=0) / m
        return np.stack([fake_once, fake_once - (real == 1).sum(axis=0) / n])

    return Relabelling(observed=is_real, statistic=statistic, alternative="two-sided")


def _unseen(counts: Ids, level: float) -> dict[str, Any]:
    low, high = chao1_interval(counts, level)
    return {
        "missing_mass": missing_mass(counts),
        "coverage": 1.0 - missing_mass(counts),
        "missing_mass_bound": missing_mass_bound(counts, level),
        "seen": len(counts),
        "seen_once": int((counts == 1).sum()),
        "seen_twice": int((counts == 2).sum()),
        "chao1": chao1(counts),
        "chao1_low": low,
        "chao1_high": high,
        "new_in_as_many": good_toulmin(counts, 1.0),
        "new_in_five_times": good_toulmin(counts, 5.0),
    }


METRIC = MetricSpec(
    name="missing_mass",
    title="Missing mass",
    summary="How probable is what the samples have not shown yet? Too little tells collapse, too much tells noise.",
    measure=measure,
    kind="estimate",
    direction="target",
    unit="probability",
    low=0.0,
    high=1.0,
    family="duplicates",
    topic="support",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=5000,
    sees="a sampler that runs out of new values sooner, or later, than real data",
    blind_to="which values are missing, and all that continuous samples do, unless of='near'",
    cost="O((n + m) (d + B)); with of='near' O((n + m)^2 d) at worst",
    source="Good 1953; Chao 1987; McAllester & Schapire 2000; Orlitsky, Suresh & Wu 2016",
    default=False,
)
