"""Near duplicates: generated samples that come closer to each other than real samples of that number do.

A pair is close when it lies within ``tau``, the distance at which rows set aside from the real data, were they as many
as the generated ones, would have about five close pairs. The estimate is the share of generated rows with a close
generated neighbour; it is a soft form of the collision test (Arora, Risteski & Zhang 2018, "Do GANs learn the
distribution? Some theory and empirics", section 3) with the threshold taken from the data, not by eye.

The test relabels the pooled rows in their graph of close pairs, which is exact also where close pairs form clusters.
Samplers with dropped or shrunken modes crowd, and so have more close pairs at ``tau``, but hardly any at a tenth of it,
since the number of chance pairs falls like ``tau^d`` in d dimensions. True copies persist at every scale:
`persistent_p` in the details tests for those alone. In one dimension the two are hard to tell apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import number
from gandiag.core.results import Measurement, Relabelling, Result
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.close_pairs import CloseGraph, close_graph, close_pairs, small_distance
from gandiag.numerics.distances import squared_distances
from gandiag.numerics.neighbours import exact_squares
from gandiag.numerics.planning import smallest_more_repeats

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Ids = NDArray[np.int64]

SCALES = (0.1, 1 / 3, 1.0)
PERSISTENT = 0.1
DRAWS = 1999
# A row's neighbours beyond its nearest 64 are not followed: with this many, one of its own side is among them.
MOST_NEIGHBOURS = 64
MOST_FIT_ROWS = 3000
CLOSEST = 20
CURVE_ROWS = 1000
_ABSENT = {
    "e_value": "not a sequential test",
    "interval": "the share grows with the number of rows; compare with the floor",
}
_TIE = 1.0 + 1e-7


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Close pairs of the pooled rows: number within each side at each radius, and the neighbours of each row."""

    radii: Vector
    pairs_real: Ids
    pairs_fake: Ids
    graph: CloseGraph
    persistent: CloseGraph
    closest: Ids


def near_duplicate_share(rows: Matrix, radius: float) -> float:
    """Compute the share of rows with another row within ``radius``.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
    radius : float

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> near_duplicate_share(np.array([[0.0], [0.1], [5.0], [9.0]]), 0.1)
    0.5
    """
    paired = np.zeros(len(rows), dtype=bool)
    for i, _, _ in close_pairs(rows, radius):
        paired[i] = True
    return float(paired.mean())


def measure(comparison: Comparison, /, *, rng: np.random.Generator, expected: float = 5.0) -> Measurement:
    """Measure the share of fake rows with a near duplicate, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    expected : float
        Close pairs that real rows, as many as the fake ones, are expected to have.
    """
    expected = number(expected, "expected", above=0.0)
    if len(comparison.fit) < 2 or comparison.m < 2:
        return _undefined("two fake rows and two rows set aside are needed for a distance between them")
    tau, chosen = _threshold(comparison, expected, rng)
    # Equal distances are ordered by place, and places must not tell the sides apart.
    shuffled = rng.permutation(comparison.n + comparison.m)
    pool, is_real = comparison.pooled()
    pool, is_real = pool[shuffled], is_real[shuffled]
    found = _search(pool, is_real, tau)
    share_fake, share_real = _shares(found.graph, is_real[:, None])[:, 0].tolist()
    pairs = shuffled[found.closest] - comparison.n
    distances = np.sqrt(exact_squares(comparison.fake, pairs[:, 0], comparison.fake, pairs[:, 1]))
    return Measurement(
        estimate=share_fake,
        null=Relabelling(
            observed=is_real, statistic=lambda labels: _tested(found.graph, labels), alternative="greater"
        ),
        status="degraded" if tau == 0 else "ok",
        reasons=_ABSENT,
        warnings=_notes(tau, chosen, expected),
        details={"tau": tau, **chosen, "share_real": share_real, **_pair_details(found, is_real, rng)},
        arrays={"closest_pairs": pairs, "closest_distances": distances, **_curve(comparison, found, tau, rng)},
    )


def _threshold(comparison: Comparison, expected: float, rng: np.random.Generator) -> tuple[float, dict[str, Any]]:
    """Choose tau on the rows set aside, so that the test keeps its level whatever it is."""
    fit = comparison.fit
    if len(fit) > MOST_FIT_ROWS:
        fit = fit[np.sort(rng.choice(len(fit), MOST_FIT_ROWS, replace=False))]
    share = math.comb(len(fit), 2) / math.comb(comparison.m, 2)
    rank = min(max(1, round(expected * share)), math.comb(len(fit), 2))
    return small_distance(fit, rank), {"tau_rank": rank, "fit_rows": len(fit), "expected_pairs": rank / share}


def _search(pool: Matrix, is_real: NDArray[np.bool_], tau: float) -> Found:
    radii = np.unique(np.concatenate([np.geomspace(tau / 30, tau, 16) if tau > 0 else [], np.array(SCALES) * tau]))
    binned = np.zeros(2 * len(radii), dtype=np.int64)
    kept: list[tuple[Ids, Ids, Vector]] = []
    closest: list[tuple[Ids, Ids, Vector]] = []
    for i, j, distance in close_pairs(pool, tau):
        nearest = np.lexsort((distance, i))
        i, j, distance = i[nearest], j[nearest], distance[nearest]
        once = (i < j) & (is_real[i] == is_real[j])
        bins = np.minimum(np.searchsorted(radii * _TIE, distance[once]), len(radii) - 1)
        binned += np.bincount(is_real[i[once]] * len(radii) + bins, minlength=2 * len(radii))
        fakes = np.flatnonzero(once & ~is_real[i])
        fakes = fakes[np.argsort(distance[fakes], kind="stable")[:CLOSEST]]
        closest.append((i[fakes], j[fakes], distance[fakes]))
        near = np.arange(len(i)) - np.searchsorted(i, i) < MOST_NEIGHBOURS
        kept.append((i[near], j[near], distance[near]))
    i, j, distance = _joined(kept, by=0)
    first, second, _ = _joined(closest, by=2)
    lasting = distance <= PERSISTENT * tau * _TIE
    pairs = binned.reshape(2, -1).cumsum(axis=1)
    return Found(
        radii=radii,
        pairs_fake=pairs[0],
        pairs_real=pairs[1],
        graph=close_graph(i, j, len(pool)),
        persistent=close_graph(i[lasting], j[lasting], len(pool)),
        closest=np.stack([first[:CLOSEST], second[:CLOSEST]], axis=1),
    )


def _joined(parts: list[tuple[Ids, Ids, Vector]], *, by: int) -> tuple[Ids, Ids, Vector]:
    i, j, distance = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort((i, j, distance)[by], kind="stable")
    return i[order], j[order], distance[order]


def _shares(graph: CloseGraph, labels: NDArray[np.bool_]) -> Matrix:
    """Give the shares of fake and of real rows with a close neighbour of their side, shape (2, B)."""
    real, fake = graph.sides(labels)
    n = int(labels[:, 0].sum())
    return np.stack([fake / (len(labels) - n), real / n])


def _tested(graph: CloseGraph, labels: NDArray[np.bool_]) -> Matrix:
    fake, real = _shares(graph, labels)
    return np.stack([fake, fake - real])


def _persistent_p(graph: CloseGraph, is_real: NDArray[np.bool_], rng: np.random.Generator) -> float:
    """Test by relabelling whether fake rows have more neighbours at a tenth of the threshold than real ones."""
    if not len(graph.rows):
        return 1.0
    observed = float(_tested(graph, is_real[:, None])[1, 0])
    reached, block = 1, max(1, 2**22 // len(is_real))
    for start in range(0, DRAWS, block):
        rows = np.repeat(is_real[None, :], min(block, DRAWS - start), axis=0)
        drawn = _tested(graph, np.ascontiguousarray(rng.permuted(rows, axis=1).T))[1]
        reached += int(np.count_nonzero(drawn >= observed - 1e-12))
    return reached / (DRAWS + 1)


def _pair_details(found: Found, is_real: NDArray[np.bool_], rng: np.random.Generator) -> dict[str, Any]:
    by_scale = []
    for scale in SCALES:
        at = int(np.searchsorted(found.radii * _TIE, scale * found.radii[-1]))
        by_scale.append({"scale": float(scale), "fake": int(found.pairs_fake[at]), "real": int(found.pairs_real[at])})
    return {
        "pairs_fake": by_scale[-1]["fake"],
        "pairs_real": by_scale[-1]["real"],
        "pairs_by_scale": by_scale,
        "persistent_pairs_fake": by_scale[0]["fake"],
        "persistent_pairs_real": by_scale[0]["real"],
        "persistent_rows_fake": int(found.persistent.sides(is_real[:, None])[1][0]),
        "persistent_p": _persistent_p(found.persistent, is_real, rng),
    }


def _curve(comparison: Comparison, found: Found, tau: float, rng: np.random.Generator) -> dict[str, Vector]:
    """Give the share of pairs within each distance: all pairs up to the threshold, those of some rows beyond."""
    sides = {"fake": (comparison.fake, found.pairs_fake), "real": (comparison.real, found.pairs_real)}
    some: dict[str, Vector] = {}
    for side, (rows, _) in sides.items():
        chosen = rows[rng.permutation(len(rows))[:CURVE_ROWS]]
        upper = np.triu_indices(len(chosen), 1)
        some[side] = np.sort(np.sqrt(squared_distances(chosen, chosen)[upper]))
    top = max((float(d[len(d) // 2]) for d in some.values() if len(d)), default=tau)
    beyond = np.geomspace(tau, top, 25)[1:] if 0 < tau < top else np.zeros(0)
    curve = {"curve_tau": np.concatenate([found.radii, beyond])}
    for side, (rows, counted) in sides.items():
        far = np.searchsorted(some[side], beyond, side="right") / max(len(some[side]), 1)
        curve[f"curve_{side}"] = np.concatenate([counted / max(math.comb(len(rows), 2), 1), far])
    return curve


def _notes(tau: float, chosen: dict[str, Any], expected: float) -> tuple[str, ...]:
    if tau == 0:
        return ("real data repeat exactly, so the threshold is 0 and only exact duplicates count",)
    if chosen["expected_pairs"] > 4 * expected:
        return (
            f"few rows were set aside: at their closest distance real data have some {chosen['expected_pairs']:.0f} "
            "close pairs, which hides duplicates that are rarer",
        )
    return ()


def _undefined(reason: str) -> Measurement:
    names = ("estimate", "floor", "p_value", "interval", "e_value")
    return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, reason))


def _smallest(result: Result, level: float, power: float) -> float | None:
    """Count the pairs that would be noticed, beside those of the real rows; each is two rows with a twin."""
    floor, close = result.floor, result.details.get("pairs_real", 0)
    null = (0.0, 0.0) if floor is None else (floor.mean / 2.0, floor.sd / 2.0)
    return 2.0 * smallest_more_repeats(result.n_real, result.n_fake, close, null=null, level=level, power=power)


METRIC = MetricSpec(
    name="near_duplicates",
    title="Near duplicates",
    summary="Share of generated samples with a generated twin, closer than real samples of that number come.",
    measure=measure,
    kind="index",
    direction="lower",
    unit="share of fake",
    low=0.0,
    high=1.0,
    family="duplicates",
    topic="support",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=3000,
    sees="samples that are nearly equal to each other, more often than real ones are",
    blind_to="copies of training rows, and repeats that differ in the features though they look alike",
    cost="O((n + m)^2 d) at worst, pruned; permutations cost the close pairs alone",
    source="Arora, Risteski & Zhang 2018, Do GANs learn the distribution?, section 3; threshold from held-out rows",
    gate={"p": GateTest(margin=0.05, effect="a share of {} more samples with a twin", smallest=_smallest)},
)
