"""Off support: the share of fake samples that lie where no real sample is near.

A row's distance is that to its nearest row of the set aside ones, in units of the spacing there (the typical distance
to the third neighbour around it), so that dense and thin regions count alike; the idea of the local outlier factor
(Breunig et al. 2000). A row is *off support* when that is more than one in twenty of the rows set aside have, each
against the others, and *far off* at one in two hundred.

Real and fake rows are both independent of the rows set aside, so both counts of fake rows are hypergeometric under
equal laws, and Fisher's test is exact at any size and dimension; the p-value is Bonferroni's over both thresholds, the
first for many near misses and the second for few far ones. About one real row in twenty is off support: the floor.

The details say what kind of misses they are: ``aligned_share`` remains after fake is brought to the place and size of
real (a shift or a wrong scale vanishes there), ``noise_ratio`` is near 1 for rows as far off as structureless noise and
near 0 for near misses (blur, rounding), ``off_spread_ratio`` is small when all misses are alike, ``near_closeness`` is
the chance that a row on the support lies nearer than a real one there does: near 0.5 where the rest is noise, smaller
where all samples are spread wider.

It cannot see modes that are missing, wrong shares, or copies: everything that stays close to real rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, PValue, Result
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.contingency import count_tails
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.nearest import FEWEST_FIT, Support, fit_support, nearest_rows
from gandiag.numerics.planning import smallest_larger_share

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

MOST_EXAMINED = 1000


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the share of fake rows off the real support, with its exact null."""
    reasons = {
        "e_value": "not a sequential test",
        "interval": "the share depends on a threshold drawn from the rows set aside; its null is exact",
    }
    if len(comparison.fit) < FEWEST_FIT:
        why = f"needs at least {FEWEST_FIT} real rows set aside; got {len(comparison.fit)}"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    support = comparison.once("support", lambda shared: fit_support(comparison.fit, rng=shared))
    distances = comparison.once("support_distances", lambda _: support.distances(comparison.pooled()[0]))
    real, fake = distances[: comparison.n], distances[comparison.n :]
    near, far = _compared(real, fake, support.threshold), _compared(real, fake, support.far_threshold)
    n, m = comparison.n, comparison.m
    share = (near["share_real"] * n + near["share_fake"] * m) / (n + m)
    off = np.flatnonzero(fake > support.threshold)
    off = off[np.argsort(-fake[off], kind="stable")]
    return Measurement(
        estimate=near["share_fake"],
        null=KnownNull(
            floor=Floor(
                mean=share,
                sd=float(np.sqrt(share * (1.0 - share) * n / (m * (n + m - 1)))),
                source="exact: hypergeometric, given the count of both sides together",
            ),
            p_value=PValue(
                value=min(1.0, 2.0 * min(near["p"], far["p"])),
                calibration="exact (Fisher, Bonferroni over 2 thresholds)",
            ),
        ),
        reasons=reasons,
        details={
            **_shares(near, far, support),
            **_aligned(comparison, support, rng),
            **_against_noise(support, real, fake, rng),
            "near_closeness": _near_closeness(real, fake, support.threshold),
            "off_spread_ratio": _spread_ratio(comparison, off, near["share_fake"] - near["share_real"], rng),
        },
        arrays={
            "real_distances": real,
            "fake_distances": fake,
            "off_support_rows": off,
        },
    )


def _shares(near: dict[str, float], far: dict[str, float], support: Support) -> dict[str, float]:
    return {
        "share_fake": near["share_fake"],
        "share_real": near["share_real"],
        "share_p": near["p"],
        "on_support_share": 1.0 - near["share_fake"],
        "far_share_fake": far["share_fake"],
        "far_share_real": far["share_real"],
        "far_p": far["p"],
        "threshold": support.threshold,
        "far_threshold": support.far_threshold,
    }


def _compared(real: Vector, fake: Vector, threshold: float) -> dict[str, float]:
    r, f = int((real > threshold).sum()), int((fake > threshold).sum())
    _, more = count_tails(np.array([f]), np.array([r]), len(fake), len(real))
    return {"share_fake": f / len(fake), "share_real": r / len(real), "p": float(more[0])}


def _near_closeness(real: Vector, fake: Vector, threshold: float) -> float | None:
    """Give ``P(fake is nearer than real) + P(equal) / 2`` among the rows of both sides that are on the support."""
    real, fake = np.sort(real[real <= threshold]), fake[fake <= threshold]
    if not len(real) or not len(fake):
        return None
    beyond = 2 * len(real) - np.searchsorted(real, fake, "right") - np.searchsorted(real, fake, "left")
    return float(beyond.mean() / (2 * len(real)))


def _aligned(comparison: Comparison, support: Support, rng: np.random.Generator) -> dict[str, Any]:
    """Bring fake to the place and size of real, by means and by medians, and keep what explains more.

    ``shift`` is the moved distance, in units of real's overall spread; ``scale`` multiplies fake's deviations.
    """
    some = _some(comparison.fake, MOST_EXAMINED, rng)
    # In order of preference: a later one must explain more to be kept. The last one moves only, by where the nearest
    # real rows are, which is the precise one for tight modes (Besl & McKay 1992, one step of closest points).
    step = np.median(support.rows[nearest_rows(some, support.rows)[1][:, 0]] - some, axis=0)
    moves: list[tuple[float, float, float]] = []
    base = float(np.sqrt(np.square(comparison.real - comparison.real.mean(axis=0)).sum(axis=1).mean()))
    for centre in (np.mean, np.median):
        here, there = centre(comparison.fake, axis=0), centre(comparison.real, axis=0)
        wide = centre(np.linalg.norm(comparison.fake - here, axis=1))
        scale = _ratio(float(centre(np.linalg.norm(comparison.real - there, axis=1))), float(wide)) or 1.0
        for factor in (scale, 1.0):
            moved = (some - here) * factor + there
            moves.append((support.share_off(moved), float(np.linalg.norm(there - here)), factor))
    moves.append((support.share_off(some + step), float(np.linalg.norm(step)), 1.0))
    share, shift, scale = min(moves, key=lambda move: move[0])
    return {"aligned_share": share, "shift": _ratio(shift, base), "scale": scale}


def _against_noise(support: Support, real: Vector, fake: Vector, rng: np.random.Generator) -> dict[str, Any]:
    """Compare the distances of the misses with those of noise: columns shuffled alone, and uniform in the bounding box.

    The ratios are measured from the threshold on: 0 for a miss that only just is one, 1 for noise.
    """
    some = _some(support.rows, MOST_EXAMINED, rng)
    shuffled = rng.permuted(some, axis=0)
    uniform = rng.uniform(support.rows.min(axis=0), support.rows.max(axis=0), size=some.shape)
    miss = excess_median(real, fake, support.threshold)
    ratios = []
    for noise in (shuffled, uniform):
        far = excess_median(real, support.distances(noise), support.threshold)
        gaps = [None if x is None else x - support.threshold for x in (miss, far)]
        ratios.append(_ratio(gaps[0], gaps[1]))
    usable = [ratio for ratio in ratios if ratio is not None]
    return {
        "gap_ratio": _ratio(miss, float(np.median(real))),
        "noise_ratio_shuffled": ratios[0],
        "noise_ratio_uniform": ratios[1],
        "noise_ratio": min(usable, key=lambda ratio: abs(np.log(max(ratio, 1e-12)))) if usable else None,
    }


def excess_median(real: Vector, fake: Vector, threshold: float) -> float | None:
    """Find the typical distance of the misses that real rows do not have.

    The excess of fake rows beyond a distance is the difference of both sides' shares there; its median is where half of
    the excess at the threshold is left. The real rows' own tail, which may be most of the misses, cancels.

    Returns
    -------
    float or None
        At least ``threshold``; None where fake has no excess.

    Examples
    --------
    >>> excess_median(np.array([0.0, 2.0]), np.array([2.0, 9.0]), 1.0)
    9.0
    """
    at = np.sort(fake[fake > threshold])
    left = 1.0 - np.searchsorted(np.sort(fake), at, side="left") / len(fake)
    left -= 1.0 - np.searchsorted(np.sort(real), at, side="left") / len(real)
    excess = float((fake > threshold).mean() - (real > threshold).mean())
    reached = np.flatnonzero(left >= excess / 2.0 - 1e-12)
    return float(at[reached[-1]]) if excess > 0 and len(reached) else None


def _spread_ratio(
    comparison: Comparison, farthest: NDArray[np.int64], excess: float, rng: np.random.Generator
) -> float | None:
    """Compare the spread of the misses, beyond those that real rows have too, with that of real rows."""
    count = round(excess * comparison.m)
    if count < 2 or comparison.n < 2:
        return None
    off = comparison.fake[farthest[:count]]
    return _ratio(_mean_distance(_some(off, 500, rng)), _mean_distance(_some(comparison.real, 500, rng)))


def _mean_distance(rows: Matrix) -> float:
    return float(pooled_distances(rows).sum() / (len(rows) * (len(rows) - 1)))


def _some(rows: Matrix, most: int, rng: np.random.Generator) -> Matrix:
    return rows[np.sort(rng.choice(len(rows), size=most, replace=False))] if len(rows) > most else rows


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _smallest(result: Result, level: float, power: float) -> float:
    """Count the rows far off the support that would be noticed beside those of real; two thresholds share the level."""
    share = result.details["far_share_real"]
    return smallest_larger_share(result.n_fake, result.n_real, share, level=level / 2.0, power=power)


METRIC = MetricSpec(
    name="off_support",
    title="Off support",
    summary="How many samples lie where no real sample is near?",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="share of fake rows",
    low=0.0,
    high=1.0,
    family="fidelity",
    topic="embedding",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=1,
    min_fake=1,
    most_rows=10_000,
    sees="noise and artefacts far from every real row",
    blind_to="missing modes, wrong shares and copies: everything that stays close to real rows",
    cost="O((n + m) l d) for l rows set aside",
    source="Fisher's exact test on nearest-neighbour distances; cf. Kynkäänniemi et al. 2019, improved precision",
    gate={
        "p": GateTest(
            margin=0.05, effect="a share of {} more samples far from all real rows", smallest=_smallest, rate=1.0
        )
    },
)
