"""The classifiers behind the held-out critics: small, fast, and frozen once fitted.

Each gives the log odds of "real" at equal priors: the training odds n : m are taken out, so unequal sizes tilt nothing.

* linear: logistic regression. Attains the best possible accuracy between Gaussians of one covariance; blind to scale.
* quadratic: logistic regression on columns, their squares and the mean square. Sees the scale of each column and of all
  of them together, which in many dimensions is what shrinks when a generator collapses and what neighbours miss there.
* local: nearest neighbours with k the root of the training size (Lopez-Paz & Oquab 2017, "Revisiting classifier
  two-sample tests", section 3). Sees any difference, in few dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import distances_to
from gandiag.numerics.logistic import fit_logistic
from gandiag.numerics.moments import column_scales

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Index = NDArray[np.int64]

_TILE = 512
# Squares of rows farther out than this are held: one outlier must not outweigh all other rows.
_FARTHEST = 6.0


class Classifier(Protocol):
    """A fitted, frozen classifier."""

    def scores(self, rows: Matrix) -> Vector:
        """Give the log odds of "real" at equal priors, shape (len(rows),)."""
        ...

    def column_weights(self) -> Vector:
        """Say how promising each column looks, from the training half alone, shape (d,)."""
        ...

    def dealt_scores(self, rows: Matrix, columns: Index, order: Index) -> Matrix:
        """Score rows in which one column has the values of ``rows[order]``, shape (len(columns), len(rows))."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearCritic:
    """Logistic regression on columns that were standardised on the training half, L2 penalty 1."""

    centre: Vector
    scale: Vector
    weights: Vector
    offset: float
    converged: bool

    def scores(self, rows: Matrix) -> Vector:
        """Give the log odds of "real" at equal priors, shape (len(rows),)."""
        found: Vector = ((rows - self.centre) / self.scale) @ self.weights + self.offset
        return found

    def column_weights(self) -> Vector:
        """Give the size of each standardised coefficient."""
        return np.abs(self.weights)

    def dealt_scores(self, rows: Matrix, columns: Index, order: Index) -> Matrix:
        """Give the scores with each column in turn dealt anew, shape (len(columns), len(rows))."""
        return _scored_anew(self.scores, rows, columns, order)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuadraticCritic:
    """Logistic regression on standardised columns, their squares, and the mean of the squares."""

    centre: Vector
    scale: Vector
    lifted: LinearCritic

    @property
    def converged(self) -> bool:
        """Whether the fit ended before the iterations did."""
        return self.lifted.converged

    def scores(self, rows: Matrix) -> Vector:
        """Give the log odds of "real" at equal priors, shape (len(rows),)."""
        return self.lifted.scores(_lift(rows, self.centre, self.scale))

    def column_weights(self) -> Vector:
        """Give the size of both coefficients of each column together."""
        d = len(self.centre)
        found: Vector = np.abs(self.lifted.weights[:d]) + np.abs(self.lifted.weights[d : 2 * d])
        return found

    def dealt_scores(self, rows: Matrix, columns: Index, order: Index) -> Matrix:
        """Give the scores with each column in turn dealt anew, shape (len(columns), len(rows))."""
        return _scored_anew(self.scores, rows, columns, order)


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalCritic:
    """Share of real rows in the closed ball around the k-th nearest training row, in the units of the features.

    Rows tied with the k-th all count, so that duplicates and whole numbers are judged by all their equals and not by
    the order of the rows.
    """

    rows: Matrix
    labels: Labels
    neighbours: int

    def scores(self, rows: Matrix) -> Vector:
        """Give the smoothed log odds of "real" at equal priors, shape (len(rows),)."""
        found = np.empty(len(rows))
        for start in range(0, len(rows), _TILE):
            tile = slice(start, start + _TILE)
            found[tile] = self._odds(self._measured(rows[tile]))
        return found

    def dealt_scores(self, rows: Matrix, columns: Index, order: Index) -> Matrix:
        """Give the scores with each column in turn dealt anew, shape (len(columns), len(rows)).

        A column enters a squared distance by one term, which is taken out and put in anew: O(t l) for each column of t
        rows and l training rows, instead of O(t l d).
        """
        found = np.empty((len(columns), len(rows)))
        for start in range(0, len(rows), _TILE):
            tile = slice(start, start + _TILE)
            distances = self._measured(rows[tile])
            for place, column in enumerate(columns):
                own = self.rows[None, :, column]
                before, after = rows[tile, None, column] - own, rows[order[tile], None, column] - own
                found[place, tile] = self._odds(np.maximum(distances + (after - before) * (after + before), 0.0))
        return found

    def column_weights(self) -> Vector:
        """Give the Kolmogorov-Smirnov distance of both sides' training rows in each column."""
        real = self.labels[np.argsort(self.rows, axis=0, kind="stable")]
        gap = np.cumsum(real, axis=0) / self.labels.sum() - np.cumsum(~real, axis=0) / (~self.labels).sum()
        found: Vector = np.abs(gap).max(axis=0)
        return found

    @cached_property
    def _measured(self) -> Callable[[Matrix], Matrix]:
        return distances_to(self.rows)

    @cached_property
    def _rounding(self) -> float:
        return 1e-12 * float(np.square(self.rows - self.rows.mean(axis=0)).sum(axis=1).mean())

    def _odds(self, distances: Matrix) -> Vector:
        radius = np.partition(distances, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
        inside: Labels = distances <= (radius * (1.0 + 1e-12) + self._rounding)[:, None]
        prior = float(self.labels.mean())
        both = np.stack([self.labels, np.ones(len(self.labels))], axis=1).astype(np.float64)
        found, ball = (inside.astype(np.float64) @ both).T
        # Smoothed towards the training share, so that an empty ball would say "no evidence".
        share = (found + 2.0 * prior) / (ball + 2.0)
        odds: Vector = np.log(share / (1.0 - share)) - math.log(prior / (1.0 - prior))
        return odds


def _scored_anew(scores: Callable[[Matrix], Vector], rows: Matrix, columns: Index, order: Index) -> Matrix:
    """Score the rows with each column in turn dealt anew."""
    found, altered = np.empty((len(columns), len(rows))), rows.copy()
    for place, column in enumerate(columns):
        altered[:, column] = rows[order, column]
        found[place] = scores(altered)
        altered[:, column] = rows[:, column]
    return found


def fit_linear(rows: Matrix, labels: Labels, device: str | None = None) -> LinearCritic:
    """Fit the linear critic to training rows, shape (l, d), True where real; on a torch device where one is named."""
    centre, scale = column_scales(rows)
    weights, intercept, converged = fit_logistic((rows - centre) / scale, labels, device)
    prior = float(labels.mean())
    return LinearCritic(
        centre=centre,
        scale=scale,
        weights=weights,
        offset=intercept - math.log(prior / (1.0 - prior)),
        converged=converged,
    )


def fit_quadratic(rows: Matrix, labels: Labels, device: str | None = None) -> QuadraticCritic:
    """Fit the quadratic critic to training rows, shape (l, d), True where real; on a torch device where named."""
    centre, scale = column_scales(rows)
    return QuadraticCritic(centre=centre, scale=scale, lifted=fit_linear(_lift(rows, centre, scale), labels, device))


def fit_local(rows: Matrix, labels: Labels, neighbours: int | None = None) -> LocalCritic:
    """Keep the training rows, shape (l, d), True where real, with the root of their number as k unless one is given."""
    k = math.isqrt(len(rows)) if neighbours is None else neighbours
    return LocalCritic(rows=rows, labels=labels, neighbours=min(max(1, k), len(rows)))


@dataclass(frozen=True, kw_only=True, eq=False)
class TreesCritic:
    """Gradient-boosted trees on histograms of the columns."""

    model: Any
    prior: float

    def scores(self, rows: Matrix) -> Vector:
        """Give the log odds of "real" at equal priors, shape (len(rows),)."""
        found: Vector = self.model.decision_function(rows) - math.log(self.prior / (1.0 - self.prior))
        return found


def fit_trees(rows: Matrix, labels: Labels, rng: np.random.Generator) -> TreesCritic:
    """Fit 40 boosted trees to training rows, shape (l, d), True where real.

    Their number is fixed: stopping at the first rounds without gain misses what only joint splits show.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=15,
        min_samples_leaf=min(20, max(2, len(rows) // 10)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=int(rng.integers(2**31)),
    )
    model.fit(rows, labels)
    return TreesCritic(model=model, prior=float(labels.mean()))


def _lift(rows: Matrix, centre: Vector, scale: Vector) -> Matrix:
    standard = (rows - centre) / scale
    squares = np.square(np.clip(standard, -_FARTHEST, _FARTHEST))
    return np.hstack([standard, squares, squares.mean(axis=1, keepdims=True)])
