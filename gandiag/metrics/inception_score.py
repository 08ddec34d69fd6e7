"""Inception score: how sure and how varied a classifier's verdicts on the samples are.

``exp E KL(p(y | x) || p(y))`` over class probabilities of fake samples, averaged over splits (Salimans et al. 2016,
"Improved techniques for training GANs", section 4): from 1, where all verdicts are alike, to the number of classes K,
where they are certain and evenly spread.

Kept for history. It has no reference: real images of another data set, or one perfect picture per class, score best
(Barratt & Sharma 2018, "A note on the inception score"). It is biased upwards by about ``(K - 1) / 2 n`` of its
logarithm for n rows per split, so published values hold for ten splits of 5000 images only. The score of the real rows,
in the details, is what a fake one can be held against; the test compares the logarithms of both and alarms at a score
below real's.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import whole
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import TooFewSamplesError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

_FEWEST_DRAWS = 99
_CHEAP = 1e11  # floating-point operations that the permutations may take: a few seconds


def inception_score(probabilities: Matrix, splits: int = 1) -> float:
    """Compute the mean inception score of consecutive splits.

    Parameters
    ----------
    probabilities : ndarray, shape (n, K)
        Class probabilities, one row per sample; rows are divided by their sums. Shuffle them first where their order
        means something.
    splits : int
        At most n.

    Returns
    -------
    float
        From 1 to K, higher is better.

    Raises
    ------
    TooFewSamplesError
        For fewer rows than splits.

    Notes
    -----
    Cost O(n K).

    Examples
    --------
    >>> import numpy as np
    >>> inception_score(np.eye(4)), inception_score(np.full((5, 3), 1 / 3))
    (4.0, 1.0)
    """
    if len(probabilities) < splits:
        raise TooFewSamplesError(
            f"{splits} splits need as many rows", received=len(probabilities), remedy="Take fewer splits."
        )
    everything = np.ones((len(probabilities), 1), dtype=bool)
    return float(_scores(*_prepared(probabilities), everything, splits).mean())


def _prepared(probabilities: Matrix) -> tuple[Matrix, Vector]:
    """Divide rows by their sums, and find the negative entropy of each."""
    rows = probabilities / probabilities.sum(axis=1, keepdims=True)
    return rows, _plogp(rows).sum(axis=1)


def _plogp(values: Matrix) -> Matrix:
    out: Matrix = values * np.log(np.where(values > 0.0, values, 1.0))
    return out


def _scores(rows: Matrix, certainty: Vector, chosen: Labels, splits: int) -> Matrix:
    """Score each split of the chosen rows, in their order, shape (splits, B)."""
    m = int(chosen[:, 0].sum())
    place = np.cumsum(chosen, axis=0) - 1
    ends = [i * m // splits for i in range(splits + 1)]
    found = []
    for first, last in pairwise(ends):
        weights = (chosen & (place >= first) & (place < last)) / float(last - first)
        overall = rows.T @ weights  # (K, B)
        found.append(np.maximum(certainty @ weights - _plogp(overall).sum(axis=0), 0.0))
    out: Matrix = np.exp(np.array(found))
    return out


def measure(comparison: Comparison, /, *, rng: np.random.Generator, splits: int = 1) -> Measurement:
    """Measure the inception score of the fake rows, with its null by relabelling.

    Parameters
    ----------
    comparison : Comparison
        Of class probabilities, or of features that end in a classifier.
    rng : numpy.random.Generator
        Not used.
    splits : int
        Splits to average over; published values use 10.
    """
    splits = whole(splits, "splits", at_least=1)
    if min(comparison.n, comparison.m) < splits:
        why = f"{splits} splits need as many rows of both sides; got {comparison.n} and {comparison.m}"
        names = ("estimate", "floor", "p_value", "interval", "e_value")
        return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, why))
    real, fake = comparison.class_probabilities()
    is_real = np.arange(len(real) + len(fake)) < len(real)
    rows, certainty = _prepared(np.concatenate([real, fake]))

    def statistic(labels: Labels) -> Matrix:
        fake = _scores(rows, certainty, ~labels, splits).mean(axis=0)
        real = _scores(rows, certainty, labels, splits).mean(axis=0)
        return np.stack([fake, np.log(fake) - np.log(real)])

    by_split = _scores(rows, certainty, ~is_real[:, None], splits)[:, 0]
    return Measurement(
        estimate=float(by_split.mean()),
        null=Relabelling(
            observed=is_real,
            statistic=statistic,
            alternative="less",
            draws=max(_FEWEST_DRAWS, int(_CHEAP / (4.0 * rows.size * splits))),
        ),
        reasons={
            "e_value": "not a sequential test",
            "interval": "biased by about (K - 1) / 2n of its logarithm: compare it with the score of the real rows",
        },
        details={
            "splits": splits,
            "sd_of_splits": float(by_split.std()),
            "real": float(_scores(rows, certainty, is_real[:, None], splits).mean()),
            "classes": rows.shape[1],
        },
    )


METRIC = MetricSpec(
    name="inception_score",
    title="Inception score",
    summary="How sure and how varied a classifier's verdicts on the samples are: 1 to the number of classes.",
    measure=measure,
    kind="index",
    direction="higher",
    unit="effective classes",
    low=1.0,
    high=None,
    family="fidelity",
    topic="embedding",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=50_000,
    sees="unsure verdicts, and classes that are missing or out of balance",
    blind_to="the real data altogether: variety within a class, memorised samples, any certain nonsense",
    cost="O((n + m) K B splits)",
    source="Salimans et al. 2016, section 4; agrees with torch-fidelity on the same probabilities",
    needs=frozenset({"probabilities"}),
    default=False,
    also_on="inception",
)
