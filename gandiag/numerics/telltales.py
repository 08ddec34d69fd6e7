"""What gave a generator away: columns that a critic relies on, and traces of the file format.

Permutation importance (Breiman 2001, "Random forests", section 10) is taken on held-out rows of a frozen critic and
compared with its own null: the same altered scores under shuffled labels, with the largest column of each shuffle
(Westfall & Young 1993), so that "this column is told apart" holds for all columns at once.

A format leak is a difference in how values are *written* rather than in what they are: whole numbers against fractions,
half precision, clipping at the ends, few levels. A critic that finds one looks perfect and has said nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.classifiers import Classifier
from gandiag.numerics.scoring import areas_under_curve, midranks

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

# A rule on one trait of the format that ranks real over fake better than this is a leak, not a finding.
LEAK_AREA = 0.9
_MOST_ROWS = 500
_MOST_COLUMNS = 32
_SHUFFLES = 199
_FORMAT_ROWS = 2000
_FORMAT_COLUMNS = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnImportance:
    """How much area under the ROC curve each column carries.

    Attributes
    ----------
    columns : ndarray of int, shape (c,)
        Examined columns, most important first.
    importance : ndarray, shape (c,)
        Area lost when the column's values are dealt anew among the held-out rows.
    p_values : ndarray, shape (c,)
        Of "the labels know nothing of these scores", adjusted over all examined columns; in (0, 1].
    noise : float
        The 95 % point of the largest importance under shuffled labels.
    """

    columns: NDArray[np.int64]
    importance: Vector
    p_values: Vector
    noise: float


def column_importance(
    critic: Classifier, rows: Matrix, labels: Labels, *, rng: np.random.Generator
) -> ColumnImportance:
    """Measure what each column of the held-out rows is worth to a frozen critic.

    Parameters
    ----------
    critic : Classifier
    rows : ndarray, shape (t, d)
        Held-out rows; at most 500 are used.
    labels : ndarray of bool, shape (t,)
    rng : numpy.random.Generator

    Notes
    -----
    At most 32 columns are examined, the ones that differ most on the *training* half. Columns that carry the same
    information share their importance, or hide it from each other.
    """
    kept = _thinned(labels, _MOST_ROWS, rng)
    rows, labels = rows[kept], labels[kept]
    columns = np.sort(np.argsort(-critic.column_weights(), kind="stable")[:_MOST_COLUMNS])
    order = rng.permutation(len(rows))
    ranks = np.empty((len(columns) + 1, len(rows)))
    ranks[0] = midranks(critic.scores(rows))
    for place, scores in enumerate(critic.dealt_scores(rows, columns, order), start=1):
        ranks[place] = midranks(scores)
    shuffled = rng.permuted(np.tile(labels, (_SHUFFLES, 1)), axis=1).T
    observed = areas_under_curve(ranks, labels)
    null = areas_under_curve(ranks, shuffled)
    importance = observed[0] - observed[1:]
    largest = (null[0] - null[1:]).max(axis=0)
    above = (largest[None, :] >= importance[:, None] - 1e-12).sum(axis=1)
    best = np.argsort(-importance, kind="stable")
    return ColumnImportance(
        columns=columns[best],
        importance=importance[best],
        p_values=(1.0 + above[best]) / (1.0 + _SHUFFLES),
        noise=float(np.quantile(largest, 0.95)),
    )


def format_traits(real: Matrix, fake: Matrix) -> Mapping[str, float]:
    """Measure how well each trait of the *format* of a row alone tells real from fake.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)

    Returns
    -------
    mapping of str to float
        Area under the ROC curve of the best depth-1 rule on each trait, in [0.5, 1]; above `LEAK_AREA` is a leak.
        ``whole_numbers``: share of whole values; ``single_precision``: share on the float32 grid; ``repeated_values``:
        share of values that another, different row holds in the same column; ``end_values``: share at a repeated least
        or greatest value that either side has in the column; ``few_levels``: distinct values within the row.
    """
    columns = _spaced(real.shape[1], _FORMAT_COLUMNS)
    sides = [side[_spaced(len(side), _FORMAT_ROWS)][:, columns] for side in (real, fake)]
    pool = np.concatenate(sides)
    labels = np.arange(len(pool)) < len(sides[0])
    return {name: _rule_area(trait, labels) for name, trait in _traits(pool, labels).items()}


def _traits(pool: Matrix, labels: Labels) -> Mapping[str, Vector]:
    d = pool.shape[1]
    # Duplicated rows repeat their values without any format: in several columns only distinct rows are counted.
    distinct = np.unique(pool, axis=0) if d > 1 else pool
    repeated, ends = np.zeros(len(pool)), np.zeros(len(pool))
    for j in range(d):
        values, counts = np.unique(distinct[:, j], return_counts=True)
        place = np.searchsorted(values, pool[:, j])
        repeated += counts[place] > 1
        real, fake = pool[labels, j], pool[~labels, j]
        end = np.isin(values, [real.min(), real.max(), fake.min(), fake.max()])
        ends += (end & (counts >= max(2.0, 0.01 * len(distinct))))[place]
    within = np.sort(pool, axis=1)
    with np.errstate(over="ignore"):
        single = pool.astype(np.float32).astype(np.float64)
    return {
        "whole_numbers": (pool == np.rint(pool)).mean(axis=1),
        "single_precision": (pool == single).mean(axis=1),
        "repeated_values": repeated / d,
        "end_values": ends / d,
        "few_levels": -(1.0 + (np.diff(within, axis=1) > 0.0).sum(axis=1)) / d,
    }


def _rule_area(trait: Vector, labels: Labels) -> float:
    """Give the area of the best threshold on one trait, either way round: (1 + Kolmogorov-Smirnov distance) / 2."""
    _, place = np.unique(trait, return_inverse=True)
    real = np.bincount(place[labels], minlength=int(place.max()) + 1).cumsum() / labels.sum()
    fake = np.bincount(place[~labels], minlength=int(place.max()) + 1).cumsum() / (~labels).sum()
    return float((1.0 + np.abs(real - fake).max()) / 2.0)


def _thinned(labels: Labels, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Keep at most ``most`` rows, both sides in their shares and each with at least one row."""
    if len(labels) <= most:
        return np.arange(len(labels))
    real, fake = np.flatnonzero(labels), np.flatnonzero(~labels)
    keep = min(max(1, round(most * len(real) / len(labels))), most - 1)
    return np.concatenate([rng.permutation(real)[:keep], rng.permutation(fake)[: most - keep]])


def _spaced(length: int, most: int) -> NDArray[np.int64]:
    return np.arange(length) if length <= most else np.linspace(0, length - 1, most).astype(np.int64)
