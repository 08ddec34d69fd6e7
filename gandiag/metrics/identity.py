"""Identity: how far a discrete sampler is from one given law, such as a die's or a language's letter frequencies.

The estimate is the total variation between the fake shares and the declared probabilities, with rows of any other value
counted as mass where the law has none. Its floor is far from 0 for many values and few draws. Two questions are
answered, as for `uniformity`:

* Is fake farther from the law than real rows are? That is the p-value, exact by relabelling for every shared law, on
  Pearson's statistic without its noise term (Acharya, Daskalakis & Kamath 2015).
  It looks one way only: fake may differ from real and lie as near to the law, or nearer. Where it differs and lies just
  as far, the test rejects somewhat more often than its level: equality of laws is what the relabelling is exact for.
* Does fake follow the law? `identity_p` in the details, with the null simulated from the law itself, and the same for
  the real rows: where these do not follow it either, the law is not what was declared.

Only a law that is known will do: probabilities that were estimated from real rows are a sample, and testing against
them as if they were exact rejects too often. Compare with real rows by `closeness` then. `reduced_p` tests uniformity
by collisions after the randomised reduction of Goldreich 2016, the proof that identity is no harder than uniformity; it
throws away half of the draws, and is the weaker test.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.metrics._discrete import undefined
from gandiag.numerics.collision_tests import equal_pairs, uniform_pairs
from gandiag.numerics.histograms import Cells, cells_of
from gandiag.numerics.known_law import CELLS_PER_VALUE, as_law, identity_p, pearson_identity, reduced_to_uniform

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]

DRAWS = 999
DOUBTFUL = 1e-3


def measure(
    comparison: Comparison,
    /,
    *,
    rng: np.random.Generator,
    pmf: list[float] | None = None,
    points: list[Any] | None = None,
    column: int | None = None,
) -> Measurement:
    """Measure the total variation between fake shares and a given law, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    pmf : list of float, optional
        Probabilities, summing to 1. Without them the result is undefined.
    points : list, optional
        The value of each: numbers, or rows. From 0 on where left out.
    column : int, optional
        The column whose law is given; whole rows where left out.
    """
    if pmf is None:
        return undefined(
            "no law is given; pass options={'identity': {'pmf': [...]}}, or compare with real by closeness"
        )
    law = as_law(pmf)
    pool, is_real = comparison.pooled()
    ids = _placed(pool if column is None else _column(pool, column), _as_points(points, len(law)))
    cells = cells_of(ids)
    statistic = _statistic(cells, np.append(law, 0.0), comparison.n, comparison.m)
    details: dict[str, Any] = {"values": len(law)}
    for suffix, side in (("", ~is_real), ("_real", is_real)):
        details |= {f"{key}{suffix}": value for key, value in _tested(ids[side], law, rng).items()}
    shares = np.bincount(ids[~is_real], minlength=len(law) + 1)[:-1] / comparison.m
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the plug-in is biased upwards: compare with the floor",
        },
        warnings=_doubts(details),
        details=details,
        arrays={"pmf": law, "shares": shares},
    )


def _as_points(points: list[Any] | None, values: int) -> Matrix:
    table = np.arange(values, dtype=np.float64) if points is None else np.asarray(points, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if len(table) != values or len(np.unique(table, axis=0)) != values:
        raise ConfigError(
            "`points` must name each value of `pmf` once", received=f"{len(table)} points", remedy=f"Pass {values}."
        )
    return table


def _column(pool: Matrix, column: int) -> Matrix:
    if not 0 <= column < pool.shape[1]:
        raise ConfigError(
            "`column` must be a column of the rows", received=column, remedy=f"Pass 0 to {pool.shape[1] - 1}."
        )
    return pool[:, column : column + 1]


def _placed(rows: Matrix, points: Matrix) -> Ids:
    """Find each row's value; what is none of them gets the number of values."""
    if rows.shape[1] != points.shape[1]:
        raise ConfigError(
            "`points` must be as wide as the rows",
            received=f"{points.shape[1]} of {rows.shape[1]} columns",
            remedy="Pass rows as points, or the column whose law is given.",
        )
    known = {row.tobytes(): place for place, row in enumerate(points + 0.0)}
    return np.array([known.get(row.tobytes(), len(points)) for row in rows + 0.0], dtype=np.int64)


def _statistic(cells: Cells, law: Vector, n: int, m: int) -> Any:
    """Make the total variation of fake, and Pearson's statistic of fake less that of real, functions of the labels."""
    held = law[cells.held]
    unseen = 1.0 - float(held.sum())
    # Mass where the law has none counts as where it has less than a draw: the statistic stays finite.
    safe = np.append(np.maximum(held, 0.1 / (n + m)), max(unseen, 0.1 / (n + m)))
    safe /= safe.sum()

    def divergence(counts: Matrix) -> Vector:
        whole = np.concatenate([counts, np.zeros((1, counts.shape[1]))])
        scaled: Vector = pearson_identity(whole, safe) / counts.sum(axis=0)
        return scaled

    def statistic(labels: Labels) -> Matrix:
        real = cells.real(labels)
        fake = cells.totals[:, None] - real
        gap = 0.5 * (np.abs(fake / m - held[:, None]).sum(axis=0) + unseen)
        return np.stack([gap, divergence(fake) - divergence(real)])

    return statistic


def _tested(ids: Ids, law: Vector, rng: np.random.Generator) -> dict[str, Any]:
    counts = np.bincount(ids, minlength=len(law) + 1)
    return {
        "elsewhere": int(counts[-1]),
        "identity_p": identity_p(counts, np.append(law, 0.0), rng, draws=DRAWS),
        "reduced_p": _reduced_p(ids, law, rng),
    }


def _reduced_p(ids: Ids, law: Vector, rng: np.random.Generator) -> float:
    if (ids == len(law)).any():
        return 1.0 / (DRAWS + 1)
    cells = CELLS_PER_VALUE * len(law)
    counts = np.bincount(reduced_to_uniform(ids, law, rng), minlength=cells)
    observed = float(equal_pairs(counts[:, None].astype(np.float64))[0])
    null = uniform_pairs(len(ids), cells, DRAWS, rng)
    return (1 + int(np.count_nonzero(null >= observed))) / (DRAWS + 1)


def _doubts(details: dict[str, Any]) -> tuple[str, ...]:
    if details["identity_p_real"] > DOUBTFUL:
        return ()
    return (f"the real rows do not follow the given law either (p = {details['identity_p_real']:.2g})",)


def _example() -> dict[str, Any]:
    """Give the law of a standard normal value, doubled and rounded."""
    edges = [0.5 * (1.0 + math.erf((k + 0.5) / (2.0 * math.sqrt(2.0)))) for k in range(-13, 13)]
    edges[0], edges[-1] = 0.0, 1.0
    return {"pmf": np.diff(edges).tolist(), "points": list(range(-12, 13)), "column": 0}


METRIC = MetricSpec(
    name="identity",
    title="Identity",
    summary="Does a discrete sampler follow one given law? Total variation to it, with tests of fake and of real.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="total variation",
    low=0.0,
    high=1.0,
    family="distribution",
    topic="support",
    symmetric=False,
    scale_invariant=False,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="values that are drawn more or less often than the given law says, and values that it does not have",
    blind_to="a fake that differs from real and lies as near to the law or nearer; other columns; dependence of draws",
    cost="O((n + m) (d + B) + K B) for K values",
    source="Acharya, Daskalakis & Kamath 2015; Goldreich 2016 (the reduction); null simulated from the law",
    needs=frozenset({"discrete"}),
    default=False,
    example=_example(),
)
