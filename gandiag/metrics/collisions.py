"""Collisions: exact repeats among generated samples, and the effective support that they reveal.

The estimate is the share of generated rows that repeat an earlier one. Data that repeat by nature (counts, labels,
blank images) repeat on both sides, so the floor is that share after relabelling the pooled rows, and only more repeats
than in real data count against a sampler.

The same counts bound the size of the support, by the birthday paradox (Arora, Risteski & Zhang 2018, "Do GANs learn the
distribution? Some theory and empirics") in a two-sided form that holds for every law: see `numerics.counts`. The
effective support ``N2 = 1 / sum p_i^2`` stands in the details with Chao's estimate of the number of atoms and the
missing mass, each beside its value on real rows. A heavy atom hides a large tail from ``N2``, so read the three
together.

Two samples of a continuous law never collide, up to the resolution of their numbers: 10^6 draws of single precision in
[0, 1) have some 30 000 equal pairs in one dimension. Both sides should hold the same precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import number
from gandiag.core.results import Floor, KnownNull, Measurement, PValue, Relabelling, Result
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.counts import chao1, collision_moment, missing_mass, support_lower_bound, support_upper_bound
from gandiag.numerics.equal_rows import duplicate_counts, row_ids
from gandiag.numerics.planning import smallest_more_repeats

Matrix = NDArray[np.float64]

# In more columns than this, equal rows by rounding alone do not occur.
ROUNDING_COLUMNS = 2


def duplicate_share(rows: Matrix) -> float:
    """Compute the share of rows that equal an earlier row.

    Parameters
    ----------
    rows : ndarray, shape (n, d)

    Returns
    -------
    float
        In [0, 1 - 1/n].

    Notes
    -----
    Cost O(n d): rows are hashed.

    Examples
    --------
    >>> import numpy as np
    >>> duplicate_share(np.array([[1.0], [2.0], [1.0], [1.0]]))
    0.5
    """
    return 1.0 - (int(row_ids(rows).max()) + 1) / len(rows)


def measure(comparison: Comparison, /, *, rng: np.random.Generator, level: float = 0.95) -> Measurement:
    """Measure the duplicate share of the fake rows, with its permutation null and the support that repeats reveal.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    level : float
        Confidence of the two-sided intervals of the effective support.
    """
    level = number(level, "level", above=0.0, below=1.0)
    pool, is_real = comparison.pooled()
    ids = row_ids(pool)
    estimate = float(_shares(ids, is_real[:, None])[0, 0])
    # Batches are cut from the draws, so the order in which a sampler happens to repeat itself must not matter.
    fake, real = (_support(rng.permutation(ids[side]), level) for side in (~is_real, is_real))
    details: dict[str, Any] = {"level": float(level), **fake}
    details |= {f"{key}_real": value for key, value in real.items()}
    counts = np.bincount(ids[~is_real], minlength=int(ids.max()) + 1)
    for side, mask in (("fake", ~is_real), ("real", is_real)):
        distinct = len(np.unique(ids[mask]))
        details[f"distinct_{side}"] = distinct
        details[f"duplicate_rows_{side}"] = int(mask.sum()) - distinct
    details["c2_fake"], details["c2_real"] = details.pop("c2"), details.pop("c2_real")
    details["largest_cluster_fake"] = int(counts.max())
    return Measurement(
        estimate=estimate,
        null=_null(ids, is_real),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the share grows with the number of rows; the details bound the effective support instead",
        },
        warnings=_rounding_note(comparison.fake, estimate),
        details=details,
        arrays={"repeats": np.sort(counts[counts > 0])[::-1]},
    )


def _shares(ids: NDArray[np.int64], labels: NDArray[np.bool_]) -> Matrix:
    """Give the duplicate share of fake, and by how much it exceeds that of real, shape (2, B)."""
    n = int(labels[:, 0].sum())
    real, fake = duplicate_counts(ids, labels)
    share = fake / (len(labels) - n)
    return np.stack([share, share - real / n])


def _null(ids: NDArray[np.int64], is_real: NDArray[np.bool_]) -> Relabelling | KnownNull:
    if len(np.unique(ids)) == len(ids):
        # No labelling can produce a duplicate: the null is one point, and permutations would only repeat it.
        return KnownNull(
            floor=Floor(mean=0.0, sd=0.0, source="exact: no two pooled rows are equal"),
            p_value=PValue(value=1.0, calibration="exact: no two pooled rows are equal"),
        )
    return Relabelling(observed=is_real, statistic=lambda labels: _shares(ids, labels), alternative="greater")


def _support(ids: NDArray[np.int64], level: float) -> dict[str, float | None]:
    """Say what the repeats of one side tell about the size of its support."""
    counts = np.unique(ids, return_counts=True)[1]
    pairs = int((counts * (counts - 1) // 2).sum())
    one_sided = (1.0 + level) / 2.0
    c2 = collision_moment(counts)
    return {
        "c2": c2,
        "n2": 1.0 / c2 if pairs else None,
        "n2_low": support_lower_bound(len(ids), pairs, one_sided),
        "n2_high": support_upper_bound(ids, one_sided),
        "chao1": chao1(counts),
        "missing_mass": missing_mass(counts),
    }


def _rounding_note(fake: Matrix, share: float) -> tuple[str, ...]:
    if share == 0 or fake.shape[1] > ROUNDING_COLUMNS or np.array_equal(fake, np.rint(fake)):
        return ()
    with np.errstate(over="ignore"):
        coarse = np.array_equal(fake, fake.astype(np.float32))
    note = "the fake values have single precision and few columns: some rows may be equal by rounding alone"
    return (note,) if coarse else ()


def _smallest(result: Result, level: float, power: float) -> float | None:
    """Count the repeats that would be noticed, beside those of the real rows."""
    floor, repeats = result.floor, result.details.get("duplicate_rows_real", 0)
    null = (0.0, 0.0) if floor is None else (floor.mean, floor.sd)
    return smallest_more_repeats(result.n_real, result.n_fake, repeats, null=null, level=level, power=power)


METRIC = MetricSpec(
    name="collisions",
    title="Exact duplicates",
    summary="Share of generated samples that repeat an earlier one, and what support the repeats leave room for.",
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
    most_rows=50_000,
    sees="a sampler that repeats itself, and the size of the support that its repeats leave room for",
    blind_to="near copies, copies of training rows, and every difference between samples that do not repeat",
    cost="O((n + m) (d + B))",
    source="Arora, Risteski & Zhang 2018, Do GANs learn the distribution?; bounds derived in numerics.counts",
    gate={
        "p": GateTest(margin=0.01, effect="a share of {} of samples that repeat another", smallest=_smallest, rate=1.0)
    },
)
