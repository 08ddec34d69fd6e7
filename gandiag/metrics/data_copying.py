"""Data copying: whether fake samples are closer to the training rows than fresh real samples are.

``P(d(fake, T) < d(real, T)) + P(equal) / 2`` with d the distance to the nearest training row: 0.5 for equal laws, 1 for
a generator that returns its training set, below 0.5 for one that underfits. It is the Mann-Whitney form of the C_T test
(Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models", section 4.1);
given T, both samples of distances are independent under equal laws, so the permutation test is exact.

The global number misses copies of a few rows, and samples drawn from dense regions are close to training rows without
being copies. The pointwise channel sees the former and ignores the latter: a *copy* lies much closer to one training
row than to the next one, by a ratio that one training row in a hundred has among its fellows (the ratio's law depends
on the dimension, not on the density). Copies of fake and real rows are compared by Fisher's exact test, so duplicates
that the training set shares with honest real data raise no alarm.

Copies of one region cancel against underfitting of another in the global number, so C_T is also given cell by cell, as
in section 4.2 of the paper, over k-means cells of the training rows: the mean of the cells' scores weighted by the
real rows they hold, whose spread under equal laws is ``sqrt(sum weights^2)`` and not 1, and an exact rank-sum p-value
of every cell, in the place of a fixed threshold such as -3. The least of these p-values is corrected for the number of
cells by Holm's rule (``cells_p``; plain ones are in ``cell_p``); the test of the global number does not take part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.contingency import count_tails
from gandiag.numerics.copying import CellTests, cell_tests
from gandiag.numerics.histograms import cell_centres, nearest_cell
from gandiag.numerics.nearest import nearest_rows

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

COPY_LEVEL = 0.01
MOST_REFERENCE = 2000
PAIRS = 200
TOP = 5
# Rows that a cell should hold on each side, and the most cells.
CELL_ROWS, MOST_CELLS = 40, 20


def closeness(ranks: Vector, labels: Labels) -> Vector:
    """Compute ``P(d_fake < d_real) + P(equal) / 2`` from midranks of the pooled distances, one number per column.

    Parameters
    ----------
    ranks : ndarray, shape (N,)
        Midranks from 1.
    labels : ndarray of bool, shape (N, b)
        True where a row is real.

    Examples
    --------
    >>> import numpy as np
    >>> closeness(np.array([2.0, 3.0, 1.0]), np.array([[True], [True], [False]]))
    array([1.])
    """
    n = labels.sum(axis=0)
    m = len(labels) - n
    out: Vector = ((ranks @ labels.astype(np.float64)) / n - (n + 1.0) / 2.0) / m
    return out


def c_t(probability: float, n: int, m: int) -> float:
    """Standardise the closeness: the single-cell C_T, far below 0 for copies, about standard normal for equal laws."""
    return -(probability - 0.5) * float(np.sqrt(12.0 * n * m / (n + m + 1.0)))


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure how much closer fake is to the training rows than real is, with its permutation null."""
    reasons = {
        "e_value": "not a sequential test",
        "interval": "the permutation null of the probability is given; an interval away from 0.5 is not calibrated",
    }
    if comparison.train is None:
        why = "no training rows were given"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    # Repeated training rows are one row: a copy of them has no closer second neighbour.
    train, first = np.unique(comparison.train + 0.0, axis=0, return_index=True)  # + 0.0 turns -0.0 into 0.0
    real, real_ratio, _ = _nearest(comparison.real, train)
    fake, fake_ratio, index = _nearest(comparison.fake, train)
    ranks = _midranks(np.concatenate([real, fake]))
    _, is_real = comparison.pooled()
    probability = float(closeness(ranks, is_real[:, None])[0])
    tau = _copy_ratio(train, rng)
    cells = _cells(comparison, train, real, fake, rng)
    copy_real, copy_fake = real_ratio <= tau, fake_ratio <= tau
    matched = first[index]
    return Measurement(
        estimate=probability,
        null=Relabelling(observed=is_real, statistic=lambda labels: closeness(ranks, labels)[None, :]),
        reasons=reasons,
        details={
            "probability": probability,
            "c_t": c_t(probability, comparison.n, comparison.m),
            **_copies(copy_fake, copy_real),
            **_cell_summary(cells),
            "copy_ratio": tau,
            "exact_copies": int((fake == 0).sum()),
            "exact_copies_real": int((real == 0).sum()),
            "n_train": len(comparison.train),
            "n_train_distinct": len(train),
            "median_distance_fake": float(np.median(fake)),
            "median_distance_real": float(np.median(real)),
            "most_copied": _most_copied(matched[copy_fake]),
        },
        arrays={
            "real_distances": real,
            "fake_distances": fake,
            "pairs": _pairs(fake, matched),
            "cell_z": cells.z,
            "cell_p": cells.p_value,
            "cell_weight": cells.weight,
        },
    )


def _nearest(rows: Matrix, train: Matrix) -> tuple[Vector, Vector, Index]:
    """Find the distance to the nearest training row, its ratio to the second nearest, and which row it is."""
    found, index = nearest_rows(rows, train, min(2, len(train)))
    first = found[:, 0]
    # With a single training row nothing but equality tells a copy.
    second = first if len(train) < 2 else found[:, 1]
    return first, _shares(first, second), index[:, 0]


def _copy_ratio(train: Matrix, rng: np.random.Generator) -> float:
    """Find the ratio of first to second distance that one training row in a hundred stays below among the others."""
    if len(train) < 3:
        return 0.0
    own = np.arange(len(train))
    if len(train) > MOST_REFERENCE:
        own = np.sort(rng.choice(len(train), size=MOST_REFERENCE, replace=False))
    found, _ = nearest_rows(train[own], train, 2, own=own)
    return float(np.quantile(_shares(found[:, 0], found[:, 1]), COPY_LEVEL, method="lower"))


def _shares(first: Vector, second: Vector) -> Vector:
    """Divide, with 0 where the first distance is 0."""
    out: Vector = np.divide(first, second, out=np.zeros_like(first), where=first > 0)
    return out


def _copies(fake: Labels, real: Labels) -> dict[str, Any]:
    copies_fake, copies_real = int(fake.sum()), int(real.sum())
    _, more = count_tails(np.array([copies_fake]), np.array([copies_real]), len(fake), len(real))
    return {
        "copies_fake": copies_fake,
        "copies_real": copies_real,
        "copy_rate": copies_fake / len(fake),
        "copy_rate_real": copies_real / len(real),
        "copy_p": float(more[0]),
    }


def _cells(comparison: Comparison, train: Matrix, real: Vector, fake: Vector, rng: np.random.Generator) -> CellTests:
    """Cut space by the training rows alone, and rank the distances within each cell."""
    k = int(np.clip(min(len(train), comparison.n, comparison.m) // CELL_ROWS, 1, MOST_CELLS))
    centres = cell_centres(train, k, rng)
    return cell_tests(real, fake, nearest_cell(comparison.real, centres), nearest_cell(comparison.fake, centres), rng)


def _cell_summary(cells: CellTests) -> dict[str, Any]:
    worst = int(np.argmin(cells.adjusted)) if len(cells.z) else None
    return {
        "cells": len(cells.z),
        "c_t_cells": cells.average,
        "c_t_cells_sd": cells.average_sd,
        "cells_p": 1.0 if worst is None else float(cells.adjusted[worst]),
        "worst_cell_z": None if worst is None else float(cells.z[worst]),
        "worst_cell_fake": None if worst is None else int(cells.fake[worst]),
        "worst_cell_real": None if worst is None else int(cells.real[worst]),
        "cells_copied": int((cells.adjusted <= COPY_LEVEL).sum()),
    }


def _most_copied(rows: Index) -> list[dict[str, int]]:
    found, counts = np.unique(rows, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:TOP]
    return [{"train": int(found[i]), "count": int(counts[i])} for i in order]


def _pairs(distances: Vector, matched: Index) -> Matrix:
    """Pair fake rows with their training rows, closest first: columns fake row, training row, distance."""
    order = np.argsort(distances, kind="stable")[:PAIRS]
    return np.column_stack([order.astype(np.float64), matched[order].astype(np.float64), distances[order]])


def _midranks(values: Vector) -> Vector:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Vector = (ends - (counts - 1) / 2.0)[inverse]
    return ranks


METRIC = MetricSpec(
    name="data_copying",
    title="Data copying",
    summary="Are the samples closer to the training data than fresh real samples are? 0.5 = equally, 1 = copies.",
    measure=measure,
    kind="estimate",
    direction="target",
    unit="probability",
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
    sees="samples that lie closer to the training rows than fresh real rows do",
    blind_to="copies under transformations that the features do not undo, such as crops and mirror images",
    cost="O((n + m) t d + (n + m) B) for t training rows",
    source="Meehan, Chaudhuri & Dasgupta 2020, sections 4.1 and 4.2 (C_T); Fisher's exact test of single copies",
    needs=frozenset({"train"}),
    gate={
        "p": GateTest(
            margin=0.1, effect="samples closer to the training rows than real ones with a probability {} above one half"
        )
    },
)
