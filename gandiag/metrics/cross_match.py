"""Cross-match test: how many pairs of the best pairing of all rows join real to fake.

All rows are paired so that the total distance within pairs is least, without a look at the labels; A counts the pairs
of one real and one fake row (Rosenbaum 2005, "An exact distribution-free test comparing two multivariate distributions
based on adjacency", section 2). Under equal laws the labels are dealt at random to the pairs, whatever the law and the
dimension, so that

``P(A = a) = 2^a (N/2)! / (C(N, n) ((n - a)/2)! a! ((m - a)/2)!)``, with mean ``n m / (N - 1)``

exactly: the p-value needs no permutation and no approximation. Few cross-matches speak against equal laws.

The estimate is ``1 - A (N - 1) / (n m)``, with mean 0 under equal laws; it tends to the Henze-Penrose divergence, as
that of `friedman_rafsky` does (Arias-Castro & Pelletier 2016, "On the consistency of the crossmatch test", theorem 1).

Rules: where N is odd, one row of the larger side, drawn at random, is left out. Equal rows are told apart at random.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.numerics.matching import matched_rows

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]


def cross_match_law(n: int, m: int) -> tuple[Counts, Vector]:
    """Compute the exact law of the number of cross-matches under equal laws.

    Parameters
    ----------
    n, m : int
        Rows of either side, at least 1 each and even in all.

    Returns
    -------
    counts : ndarray of int
        Possible numbers, ascending: as even or odd as n is.
    mass : ndarray
        Their probabilities.

    Examples
    --------
    >>> counts, mass = cross_match_law(6, 6)
    >>> counts.tolist(), mass.round(6).tolist()
    ([0, 2, 4, 6], [0.021645, 0.38961, 0.519481, 0.069264])
    """
    from scipy.special import gammaln

    counts = np.arange(n % 2, min(n, m) + 1, 2)
    total = n + m
    log_mass = counts * math.log(2.0) + gammaln(total / 2.0 + 1.0) + gammaln(n + 1.0) + gammaln(m + 1.0)
    log_mass = log_mass - gammaln(total + 1.0) - gammaln(counts + 1.0)
    log_mass = log_mass - gammaln((n - counts) / 2.0 + 1.0) - gammaln((m - counts) / 2.0 + 1.0)
    return counts, np.exp(log_mass)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the divergence by cross-matches, with their exact null."""
    real, fake = _even(comparison, rng)
    n, m = len(real), len(fake)
    pool = np.concatenate([real, fake])
    pairs = matched_rows(pool, rng)
    crossing = int(((pairs < n).sum(axis=1) == 1).sum())
    counts, mass = cross_match_law(n, m)
    expected = n * m / (n + m - 1)
    # Rows that are all equal are paired by lot alone.
    empty = bool((pool == pool[0]).all())
    p = 1.0 if empty else min(1.0, float(mass[counts <= crossing].sum()))
    spread = math.sqrt(float(mass @ np.square(counts - expected)))
    gaps = np.linalg.norm(pool[pairs[:, 0]] - pool[pairs[:, 1]], axis=1)
    return Measurement(
        estimate=0.0 if empty else 1.0 - crossing / expected,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=spread / expected, source="exact law of cross-matches"),
            p_value=PValue(value=p, calibration="exact law of cross-matches"),
        ),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the spread of cross-matches away from equal laws has no practical theory",
        },
        warnings=("all rows are equal: no pairing says anything",) if empty else (),
        details={
            "cross_matches": crossing,
            "expected_cross_matches": expected,
            "cross_matches_sd": spread,
            "pairs": len(pairs),
            "n_used": n,
            "m_used": m,
            "mean_gap": float(gaps.mean()),
        },
    )


def _even(comparison: Comparison, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leave out one row of the larger side where the rows are odd in all: a choice that looks at no value."""
    real, fake = comparison.real, comparison.fake
    if (len(real) + len(fake)) % 2 == 0:
        return real, fake
    if len(real) > len(fake):
        return np.delete(real, rng.integers(len(real)), axis=0), fake
    return real, np.delete(fake, rng.integers(len(fake)), axis=0)


METRIC = MetricSpec(
    name="cross_match",
    title="Cross-match test",
    summary="How rarely the closest pairing of all samples joins real to fake: 0 for equal laws; an exact p-value.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="divergence",
    low=None,
    high=1.0,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=200,
    sees="any difference in few dimensions, exactly calibrated at every size without a permutation",
    blind_to="small differences: it works on at most 200 rows per side, and a pairing holds less than a tree",
    cost="O((n + m)^2 d), then a linear programme: about a second for 400 rows",
    source="Rosenbaum 2005, An exact distribution-free test comparing two multivariate distributions, section 2",
    default=False,
)
