"""Kullback-Leibler divergence by nearest neighbours: an estimate without a critic, and never gated.

``KL(real || fake) = (d / n) sum_i log(nu_i / rho_i) + log(m / (n - 1))``: rho_i is the distance of a real row to its
k-th nearest real fellow, nu_i to its k-th nearest fake row, so the sum is a mean log ratio of local densities (Wang,
Kulkarni & Verdu 2009, "Divergence estimation for multidimensional densities via k-nearest-neighbor distances").
It is consistent where both laws have densities in all d columns.

It is an estimate and no bound: its bias is of order ``n^(-1/d)`` and towards 0 where the laws differ. For a shift with
divergence 0.5 at n = 5000 it finds 0.50 in one column, 0.43 in five and 0.38 in ten. Where fake is narrower than real
it misses the tails that make the divergence: against fake of 0.7 times the spread, 150 rows in two columns give 0.00 in
place of 0.33. Read it against its floor, in at most four columns; where the rows lie on a surface of fewer dimensions
than columns, the factor d is too large. `kl` is a lower bound that holds in any dimension. Neither may decide over pass
or fail: the divergence is infinite as soon as fake misses any real mass, which no sample can rule out.

The other direction, ``KL(fake || real)``, is among the details. The p-value is that of the sum of both: what one
direction cannot see, the other can.

A real row with k copies has a local density without bound: the estimate is then undefined and says so. Nothing is
moved apart at random to hide it. Relabellings of copies that all lie on one side would meet such distances too; they
take the smallest distance in the pool in their place, a rule that knows no labels, so the permutation test stays exact.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.equal_rows import row_ids
from gandiag.numerics.knn_divergence import RankedPool

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

_NEIGHBOURS = 5
_FEW_COLUMNS = 4


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int = _NEIGHBOURS) -> Measurement:
    """Measure the divergence of real from fake by k-th neighbours, with its permutation null.

    Nothing is drawn from ``rng``.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    k : int
        Which neighbour: larger is steadier and more biased.

    Raises
    ------
    ConfigError, TooFewSamplesError
        For a k below 1, or not below the number of real and of fake rows.
    """
    _require_rows(comparison.n, comparison.m, k)
    reasons = {
        "e_value": "not a sequential test",
        "interval": "its bias is of unknown size: no interval around it holds its level",
    }
    pool, is_real = comparison.pooled()
    copies = _rows_with_copies(pool, is_real, k)
    if copies:
        why = (
            f"{copies} real rows equal {k} or more other rows of one side, where the estimate is infinite; "
            "compare discrete data by counts (closeness, js_distance), or raise k"
        )
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    ranked = RankedPool.of(comparison.pooled_near()[0])
    columns = int((pool != pool[0]).any(axis=0).sum())  # a constant column adds no dimension

    def divergences(labels: Labels) -> Matrix:
        n = int(labels[:, 0].sum())
        return columns * ranked.mean_log_ratios(labels, k) + math.log((len(labels) - n) / (n - 1))

    def statistic(labels: Labels) -> Matrix:
        forward = divergences(labels)
        return np.stack([forward, forward + divergences(~labels)])

    estimate, both = statistic(is_real[:, None])[:, 0].tolist()
    reverse = None if _rows_with_copies(pool, ~is_real, k) else both - estimate
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons=reasons,
        warnings=_warnings(columns),
        details={"reverse": reverse, "k": k, "columns": columns, "gated": False},
    )


def _require_rows(n: int, m: int, k: int) -> None:
    if k < 1:
        raise ConfigError("`k` must be at least 1", received=k, remedy=f"Use {_NEIGHBOURS}.")
    if min(n, m) <= k:
        raise TooFewSamplesError(
            f"the {k}-th neighbour needs more than {k} rows of each side",
            received=f"{n} real and {m} fake",
            remedy="Draw more, or lower k.",
        )


def _rows_with_copies(pool: Matrix, first: Labels, k: int) -> int:
    """Count the rows of the first side whose k-th neighbour on either side is a copy."""
    ids = row_ids(pool)
    own, other = (np.bincount(ids[side], minlength=int(ids.max()) + 1) for side in (first, ~first))
    return int(((own[ids[first]] > k) | (other[ids[first]] >= k)).sum())


def _warnings(columns: int) -> tuple[str, ...]:
    if columns <= _FEW_COLUMNS:
        return ()
    return (f"{columns} columns: the bias is large beyond {_FEW_COLUMNS}; read it against its floor alone",)


METRIC = MetricSpec(
    name="knn_kl",
    title="Kullback-Leibler divergence by neighbours",
    summary="KL(real || fake) estimated from nearest neighbours in few dimensions; for reading, never for a gate.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="nats",
    low=None,
    high=None,
    family="distribution",
    topic="divergences",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=_NEIGHBOURS + 1,
    min_fake=_NEIGHBOURS + 1,
    most_rows=1000,
    sees="differences of density in few columns, without a critic; its p-value looks in both directions",
    blind_to="discrete data; real tails that fake lacks; much of any difference in more than four columns",
    cost="O((n + m)^2 (d + log(n + m)) + 8 k (n + m) B)",
    source="Wang, Kulkarni & Verdu 2009, Divergence estimation via k-nearest-neighbor distances, fixed k",
    default=False,
)
