"""Birthday paradox test: how many draws it takes until two samples look alike, against real data.

From N equally likely values, ``sqrt(2 log(2) N) + 1/2`` draws repeat one half of the time: a batch of 400 with a look-
alike pair every second time speaks for a support of 160 000 at most (Arora, Risteski & Zhang 2018, "Do GANs learn the
distribution? Some theory and empirics"). The paper finds candidates by distance and asks a person. Here a pair counts
when it lies within ``tau``, the distance within which as many real rows as there are fake ones have about five pairs
(found on the rows set aside), and the closest pairs stand in the arrays, to be looked at.

The estimate is the median birthday number of the soft support ``(C(m, 2) + 1) / (pairs + 1)``. It depends on tau: only
the comparison with real rows means anything, and that is the p-value (pairs of fake against pairs of real, by
relabelling the graph of close pairs). Shrunken modes crowd, and so have more close pairs without any copy; see
`near_duplicates` for the difference, and for the curve over tau.

Exact copies are counted apart. Where fake has none, no set of fewer than `values_of_half` values holds half of its
mass (95 %): from the exact sum over how many draws fall in the set. The exponential bound that is often quoted in its
place fails for few draws.
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
from gandiag.numerics.close_pairs import close_pairs
from gandiag.numerics.collision_tests import equal_pairs
from gandiag.numerics.equal_rows import row_ids
from gandiag.numerics.labels import group_sums
from gandiag.numerics.unseen import birthday_number, close_threshold, least_values, support_estimate

Matrix = NDArray[np.float64]
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]

LEVEL = 0.95
CLOSEST = 20


def measure(comparison: Comparison, /, *, rng: np.random.Generator, expected: float = 5.0) -> Measurement:
    """Measure how many fake draws have a look-alike pair half of the time, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    expected : float
        Close pairs that real rows, as many as the fake ones, are expected to have. Above 0.
    """
    if not expected > 0.0:
        raise ConfigError("`expected` must be above 0", received=expected, remedy="Pass expected=5.")
    if len(comparison.fit) < 2:
        return undefined("two rows set aside are needed for a distance between them")
    tau = close_threshold(comparison.fit, comparison.m, expected)
    pool, is_real = comparison.pooled()
    alike, closest = _alike(pool, tau, comparison.n)
    statistic = _statistic(alike, comparison.n, comparison.m)
    real, fake = (float(pairs[0]) for pairs in _pairs(alike, is_real[:, None]))
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic, alternative="less"),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the number depends on the distance that counts as alike; compare with the floor",
        },
        warnings=("real data repeat exactly, so only exact duplicates count",) if tau == 0 else (),
        details={
            "tau": tau,
            "expected": float(expected),
            **_side(fake, comparison.m, comparison.fake, ""),
            **_side(real, comparison.n, comparison.real, "_real"),
        },
        arrays=closest,
    )


def _alike(pool: Matrix, tau: float, n: int) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Mark the pairs within ``tau``, and list the closest ones of fake rows, closest first.

    Single precision counts pairs exactly up to 16 million of them.
    """
    out = np.zeros((len(pool), len(pool)), dtype=np.float32)
    best: list[tuple[float, int, int]] = []
    for i, j, distances in close_pairs(pool, tau):
        out[i, j] = out[j, i] = 1.0
        own = np.flatnonzero((i >= n) & (i < j))
        for k in own[np.argsort(distances[own], kind="stable")[:CLOSEST]].tolist():
            best.append((float(distances[k]), int(i[k]) - n, int(j[k]) - n))
        best = sorted(best)[:CLOSEST]
    pairs = np.array([pair[1:] for pair in best], dtype=np.int64).reshape(-1, 2)
    return out, {"closest_pairs": pairs, "closest_distances": np.array([pair[0] for pair in best])}


def _pairs(alike: NDArray[np.float32], labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    real, fake, _ = group_sums(alike, labels)
    return real.astype(np.float64) / 2.0, fake.astype(np.float64) / 2.0


def _statistic(alike: NDArray[np.float32], n: int, m: int) -> Any:
    """Make the birthday number of fake, and the ratio of both soft supports, functions of the labels."""

    def statistic(labels: Labels) -> Matrix:
        real, fake = _pairs(alike, labels)
        support = support_estimate(fake, m)
        number = np.sqrt(2.0 * math.log(2.0) * support + 0.25) + 0.5
        return np.stack([number, np.log(support / support_estimate(real, n))])

    return statistic


def _side(pairs: float, draws: int, rows: Matrix, suffix: str) -> dict[str, Any]:
    support = float(support_estimate(np.array([pairs]), draws)[0])
    counts = np.bincount(row_ids(rows))
    exact = int(equal_pairs(counts[:, None].astype(np.float64))[0])
    return {
        f"pairs{suffix}": int(pairs),
        f"exact_pairs{suffix}": exact,
        f"soft_support{suffix}": support,
        f"birthday_number{suffix}": birthday_number(support),
        f"values_of_half{suffix}": least_values(0.5, draws, LEVEL) if exact == 0 else None,
        f"values_of_all{suffix}": least_values(1.0, draws, LEVEL) if exact == 0 else None,
    }


METRIC = MetricSpec(
    name="birthday",
    title="Birthday paradox",
    summary="How many samples until two look alike, half of the time? Fewer than for real data tells a small support.",
    measure=measure,
    kind="index",
    direction="higher",
    unit="samples",
    low=1.0,
    high=None,
    family="duplicates",
    topic="support",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=1500,
    sees="samplers that repeat themselves, or nearly so, among some hundred draws",
    blind_to="copies of training rows; and crowding is not told from copying (see near_duplicates)",
    cost="O((n + m)^2 (d + B))",
    source="Arora, Risteski & Zhang 2018, Do GANs learn the distribution?, section 3; exact sums in numerics.unseen",
    default=False,
)
