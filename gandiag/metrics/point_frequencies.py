"""Point frequencies: how often the sampler draws given values, against how often real data hold them.

The probability of a value can be read off a black box by drawing: the share of draws that equal it, with an exact
interval (Clopper & Pearson 1934). The estimate is the largest absolute difference of shares between fake and real over
the values: those that were asked for, or the most frequent ones of both sides together. The tested statistic divides
each difference by its standard deviation first, and takes the largest; its null is the permutation one, which accounts
for the choice of the largest.

The two laws of error stand in the arrays as curves over the number of draws, simulated at the pooled shares: an
absolute error eps takes about ``1/eps^2`` draws whatever the probability, a relative one about ``1/(p eps^2)``. The
details say how many draws the wished errors take by inequalities that hold for every law.

Only exact equality counts: of a continuous sampler every value has probability 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.binomial import clopper_pearson
from gandiag.numerics.contingency import count_tails, holm_adjusted
from gandiag.numerics.frequencies import draws_for_absolute_error, draws_for_relative_error, error_curves
from gandiag.numerics.histograms import Cells, cells_of

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]

REPETITIONS = 200
SIZES = 13
MOST_LISTED = 50


def measure(
    comparison: Comparison,
    /,
    *,
    rng: np.random.Generator,
    points: list[Any] | None = None,
    top: int = 10,
    level: float = 0.95,
    error: float = 0.1,
) -> Measurement:
    """Measure the largest difference of shares over some values, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    points : list, optional
        The values: numbers where rows have one column, else rows. The most frequent ones where left out.
    top : int
        How many of the most frequent values.
    level : float
        Confidence of each interval, and of the stated numbers of draws.
    error : float
        Wished error, absolute and relative, for which the number of draws is stated.
    """
    pool, is_real = comparison.pooled()
    values, ids = _chosen(pool, points, top)
    cells = cells_of(ids)
    statistic = _statistic(cells, len(values), comparison.n, comparison.m)
    real, fake = (np.bincount(ids[side], minlength=len(values) + 1)[:-1] for side in (is_real, ~is_real))
    pooled = (real + fake) / len(pool)
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "a largest difference is biased upwards; each value has its own interval in the details",
        },
        details={
            "level": float(level),
            "points": _listed(values, real, fake, comparison, level),
            "mass_fake": float(fake.sum() / comparison.m),
            "mass_real": float(real.sum() / comparison.n),
            "error": float(error),
            "draws_for_absolute": draws_for_absolute_error(error, level=level),
            "draws_for_relative": [
                None if p <= 0 else draws_for_relative_error(error, float(p), level=level) for p in pooled[:MOST_LISTED]
            ],
        },
        arrays={"values": values, **_curves(pooled, comparison.m, rng)},
    )


def _chosen(pool: Matrix, points: list[Any] | None, top: int) -> tuple[Matrix, Ids]:
    """Give the values, and each row's place among them (their number where it is none of them)."""
    # Numbered by value, not by place: ties among frequent values must not know which rows are real.
    distinct, ids, counts = np.unique(pool + 0.0, axis=0, return_inverse=True, return_counts=True)
    if points is None:
        if top < 1:
            raise ConfigError("`top` must be at least 1", received=top, remedy="Pass top=10.")
        order = np.argsort(-counts, kind="stable")[:top]
        values = distinct[order]
    else:
        values = np.asarray(points, dtype=np.float64) + 0.0
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[1] != pool.shape[1] or not len(values):
            raise ConfigError(
                "`points` must be values as wide as the rows",
                received=f"shape {values.shape} against {pool.shape[1]} columns",
                remedy="Pass a list of numbers, or of rows.",
            )
        values = np.unique(values, axis=0)
    known = {row.tobytes(): place for place, row in enumerate(values)}
    place = np.array([known.get(row.tobytes(), len(values)) for row in distinct], dtype=np.int64)
    return values, place[ids.ravel()]


def _statistic(cells: Cells, values: int, n: int, m: int) -> Any:
    """Make the largest difference of shares, plain and in standard deviations, functions of the labels."""
    listed = cells.held < values
    share = cells.totals[listed] / (n + m)
    spread = np.sqrt(share * (1.0 - share) * (1.0 / n + 1.0 / m))[:, None]

    def statistic(labels: Labels) -> Matrix:
        real = cells.real(labels)[listed]
        gap = np.abs((cells.totals[listed][:, None] - real) / m - real / n)
        scores = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
        return np.stack([gap.max(axis=0, initial=0.0), scores.max(axis=0, initial=0.0)])

    return statistic


def _listed(values: Matrix, real: Ids, fake: Ids, comparison: Comparison, level: float) -> list[dict[str, Any]]:
    n, m = comparison.n, comparison.m
    tails = np.minimum(1.0, 2.0 * np.minimum(*count_tails(fake, real, m, n)))
    adjusted = holm_adjusted(tails)
    out = []
    for k in range(min(len(values), MOST_LISTED)):
        low, high = clopper_pearson(int(fake[k]), m, level=level)
        low_real, high_real = clopper_pearson(int(real[k]), n, level=level)
        out.append(
            {
                "fake": int(fake[k]),
                "real": int(real[k]),
                "share_fake": float(fake[k] / m),
                "low_fake": low,
                "high_fake": high,
                "share_real": float(real[k] / n),
                "low_real": low_real,
                "high_real": high_real,
                "p_holm": float(adjusted[k]),
            }
        )
    return out


def _curves(pooled: Vector, draws: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    sizes = np.unique(np.geomspace(10, max(10 * draws, 100), SIZES).astype(np.int64))
    seen = pooled[pooled > 0][:MOST_LISTED]
    absolute, relative = error_curves(seen, sizes, REPETITIONS, rng)
    return {"curve_draws": sizes, "curve_shares": seen, "curve_absolute": absolute, "curve_relative": relative}


METRIC = MetricSpec(
    name="point_frequencies",
    title="Point frequencies",
    summary="How often are given values drawn, with exact intervals, and how far is the worst from its real share?",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="difference of shares",
    low=0.0,
    high=1.0,
    family="distribution",
    topic="support",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="frequent values that are drawn too often or too rarely",
    blind_to="values that are not asked for, rare ones above all, and every continuous law",
    cost="O((n + m) (d + log(n + m) + B))",
    source="Clopper & Pearson 1934; Hoeffding 1963; Chernoff's inequality; largest difference by permutation",
    needs=frozenset({"discrete"}),
    default=False,
)
