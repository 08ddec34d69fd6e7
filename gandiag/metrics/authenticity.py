"""Authenticity: the share of fake samples that are no closer copies of a training row than its own neighbour is.

A fake row y is authentic when ``d(y, t) > d(t, T without t)`` for its nearest training row t: the training set itself
holds a row that is more like t than y is (Alaa, van Breugel, Saveliev & van der Schaar 2022, "How faithful is your
synthetic data?", section 4.3). A generator that returns training rows scores 0.

A perfect generator does *not* score 1/2, let alone 1: y is inauthentic exactly when y and t are nearest neighbours of
each other, and its score is ``1 - P(mutual nearest neighbours)``: 1/3, .3785 and .4074 for homogeneous laws in 1, 2 and
3 dimensions, rising towards 1 with edges, hubs and dimension. So the number is read against the same share of fresh
real rows. Given T, both counts are hypergeometric under equal laws and Fisher's test is exact.

Every quantity is computed per generated row from the training set. Distances between training rows that are looked up
by the number of a *generated* row, as in the code published with the paper, compare unrelated rows and score about 1/2.

It is blind to copies under transformations that the features do not undo, and to a few copies among many samples: the
pointwise channel of `data_copying` sees those. Many samples far from all data also raise it, so more is not better.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.numerics.binomial import advantage_interval, clopper_pearson, fisher_p, hypergeometric_pmf
from gandiag.numerics.nearest import nearest_rows

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEVEL = 0.95
# Two distances count as equal within this share of their size, since rounding splits equal ones.
_TIE = 1e-9


def authentic(rows: Matrix, train: Matrix) -> Flags:
    """Tell which rows lie farther from their nearest training row than that row's nearest fellow does.

    Parameters
    ----------
    rows : ndarray, shape (q, d)
        Generated rows, or fresh real ones for comparison.
    train : ndarray, shape (t, d)
        Repeated rows count once: otherwise their distance 0 to each other would declare every copy authentic.

    Returns
    -------
    ndarray of bool, shape (q,)
        A single training row has no fellow: only rows equal to it are then inauthentic.

    Notes
    -----
    Cost O((q + t) t d), or about O((q + t) log t) for up to 8 columns.

    Examples
    --------
    >>> import numpy as np
    >>> authentic(np.array([[0.0], [0.4], [3.5]]), np.array([[0.0], [1.0], [2.0]]))
    array([False, False,  True])
    """
    distinct = np.unique(train + 0.0, axis=0)  # + 0.0 turns -0.0 into 0.0
    found, index = nearest_rows(rows, distinct)
    if len(distinct) < 2:
        return found[:, 0] > 0.0
    # Only rows that are somebody's neighbour need their own.
    matched, place = np.unique(index[:, 0], return_inverse=True)
    radii = nearest_rows(distinct[matched], distinct, own=matched)[0][:, 0]
    flags: Flags = found[:, 0] > radii[place.reshape(-1)] * (1.0 + _TIE)
    return flags


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the share of authentic fake rows against that of fresh real rows, exactly given the training rows."""
    if comparison.train is None:
        why = "no training rows were given"
        return Measurement(estimate=None, status="undefined", reasons={"estimate": why})
    n, m = comparison.n, comparison.m
    copies_fake = m - int(authentic(comparison.fake, comparison.train).sum())
    copies_real = n - int(authentic(comparison.real, comparison.train).sum())
    gap_low, gap_high = advantage_interval(copies_fake, m, copies_real, n, level=LEVEL)
    return Measurement(
        estimate=1.0 - copies_fake / m,
        null=KnownNull(
            floor=_floor(copies_fake + copies_real, m, n),
            p_value=PValue(value=fisher_p(copies_fake, m, copies_real, n), calibration="exact (Fisher)"),
        ),
        interval=Interval.of(
            lambda level: clopper_pearson(m - copies_fake, m, level=level),
            level=LEVEL,
            method="Clopper-Pearson, given the training rows",
        ),
        reasons={"e_value": "not a sequential test"},
        details={
            "authenticity_real": 1.0 - copies_real / n,
            "inauthentic_fake": copies_fake,
            "inauthentic_real": copies_real,
            "excess_copies": copies_fake / m - copies_real / n,
            "excess_copies_low": gap_low,
            "excess_copies_high": gap_high,
            "n_train": len(comparison.train),
        },
    )


def _floor(copies: int, m: int, n: int) -> Floor:
    """Give mean and spread of the fake share over all ways to deal the inauthentic rows to both sides."""
    counts, mass = hypergeometric_pmf(copies, m, n)
    mean = float(mass @ counts) / m
    sd = math.sqrt(float(mass @ np.square(counts / m - mean)))
    return Floor(mean=1.0 - mean, sd=sd, source="exact (hypergeometric), given the training rows")


METRIC = MetricSpec(
    name="authenticity",
    title="Authenticity",
    summary="Share of samples that are no copies of a training row; 0 = all copied. Read it against the floor.",
    measure=measure,
    kind="estimate",
    direction="target",
    unit="share of fake rows",
    low=0.0,
    high=1.0,
    family="memorisation",
    topic="memorisation",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="samples nearer to a training row than its nearest fellow, beyond what fresh real rows do",
    blind_to="copies under transformations that the features do not undo; a few copies among many samples",
    cost="O((n + m + t) t d) for t training rows",
    source="Alaa et al. 2022, How faithful is your synthetic data?, section 4.3, per row; Fisher's exact test",
    needs=frozenset({"train"}),
    default=False,
)
